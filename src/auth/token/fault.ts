/**
 * Why a token is refused. The code goes to the log and the metrics; callers see one answer for all
 * of them but `expired`.
 */
export const TOKEN_FAULTS = [
  "length",
  "shape",
  "base64url",
  "utf8",
  "json",
  "nesting",
  "name_repeated",
  "name_forbidden",
  "text",
  "header_refused",
  "alg",
  "kid",
  "typ",
  "object",
  "iss",
  "sub",
  "aud",
  "exp",
  "iat",
  "nbf",
  "lifetime",
  "jti",
  "client_id",
  "sid",
  "tid",
  "did",
  "amr",
  "auth_time",
  "scope",
  "act",
  "cnf",
  "azp",
  "token_use",
  "origin_jti",
  "groups",
  "expired",
] as const;
export type TokenFaultCode = (typeof TOKEN_FAULTS)[number];

/**
 * A refusal as a value: refusing costs no allocation. A class, because a claims set may have a
 * member of any name and is told apart by `instanceof`.
 */
export class TokenFault {
  readonly fault: TokenFaultCode;

  constructor(fault: TokenFaultCode) {
    this.fault = fault;
    Object.freeze(this);
  }
}

const faults = new Map(TOKEN_FAULTS.map((code) => [code, new TokenFault(code)]));

/** The one frozen value of a fault code. */
export function tokenFault(code: TokenFaultCode): TokenFault {
  return faults.get(code)!;
}

export function isTokenFault(value: object): value is TokenFault {
  return value instanceof TokenFault;
}
