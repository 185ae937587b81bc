import { tokenLimits } from "../../platform/limits.ts";
import { tokenFault, type TokenFault, type TokenFaultCode } from "./fault.ts";
import type { JsonObject } from "./json.ts";
import type { ParsedToken } from "./parse.ts";

/** What an issuer's tokens must say. Set at start, frozen; a token never changes it. */
export interface ClaimRules {
  readonly issuer: string;
  /** One of these must be the audience, or among the audiences. Exact comparison. */
  readonly audiences: readonly string[];
  /** Exact `typ` of the header (RFC 8725 §3.11); undefined accepts any or none. */
  readonly typ: string | undefined;
  /** `exp` minus `iat` may be this much, seconds. */
  readonly lifetimeSecondsMax: number;
  /** How far the issuer's clock may be ahead of ours (`iat`, `nbf`), seconds. */
  readonly skewSeconds: number;
  /** Claims beside `iss sub aud exp iat` that must be there. */
  readonly required: readonly TextClaim[];
}

export type TextClaim = "jti" | "client_id" | "sid" | "tid" | "did";

/** The claims set of a token whose every claim is good. Plain data: it goes into shared memory. */
export interface Claims {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Seconds since the epoch, as all times here; fractions are cut off. */
  readonly expiresAt: number;
  readonly issuedAt: number;
  readonly tokenId: string | undefined;
  readonly clientId: string | undefined;
  readonly sessionId: string | undefined;
  readonly tenantId: string | undefined;
  readonly deviceId: string | undefined;
  readonly amr: readonly string[];
  /** Time of authentication; the time of issue when the token does not say. */
  readonly authTime: number;
  readonly scope: string | undefined;
  /** Who acts as the subject (`act`, RFC 8693 §4.1). */
  readonly actor?: string | undefined;
}

/**
 * Validates the header's type and the claims set of a parsed token by the rules of its issuer, or
 * says what is wrong. `expired` is said only when every other claim is good; whoever tells a caller
 * "expired" must have verified the signature too. No tolerance is given on `exp`.
 */
export function validateClaims(
  token: Pick<ParsedToken, "header" | "payload">,
  rules: ClaimRules,
  nowSeconds: number,
): Claims | TokenFault {
  const claims = token.payload as Record<string, unknown> & Record<TextClaim, unknown>;
  if (rules.typ !== undefined && token.header.typ !== rules.typ) return tokenFault("typ");
  const fault = wrongParty(claims, rules) ?? wrongTime(claims, rules, nowSeconds);
  if (fault !== undefined) return tokenFault(fault);
  const extra = wrongText(claims, rules) ?? wrongExtra(claims);
  if (extra !== undefined) return tokenFault(extra);
  const expiresAt = Math.floor(claims["exp"] as number);
  if (nowSeconds >= expiresAt) return tokenFault("expired");
  const issuedAt = Math.floor(claims["iat"] as number);
  const aud = claims["aud"] as string | string[];
  return {
    issuer: rules.issuer,
    subject: claims["sub"] as string,
    audiences: typeof aud === "string" ? [aud] : aud,
    expiresAt,
    issuedAt,
    tokenId: claims.jti as string | undefined,
    clientId: claims.client_id as string | undefined,
    sessionId: claims.sid as string | undefined,
    tenantId: claims.tid as string | undefined,
    deviceId: claims.did as string | undefined,
    amr: (claims["amr"] as string[] | undefined) ?? [],
    authTime: Math.floor((claims["auth_time"] as number | undefined) ?? issuedAt),
    scope: claims["scope"] as string | undefined,
    ...(claims["act"] === undefined ? {} : { actor: (claims["act"] as { sub: string }).sub }),
  };
}

function wrongParty(claims: JsonObject, rules: ClaimRules): TokenFaultCode | undefined {
  if (claims["iss"] !== rules.issuer) return "iss";
  if (!isName(claims["sub"])) return "sub";
  return isAudience(claims["aud"], rules.audiences) ? undefined : "aud";
}

function wrongTime(
  claims: JsonObject,
  rules: ClaimRules,
  nowSeconds: number,
): TokenFaultCode | undefined {
  const { exp, iat, nbf } = claims as { exp?: unknown; iat?: unknown; nbf?: unknown };
  if (!isInstant(exp)) return "exp";
  const latest = nowSeconds + rules.skewSeconds;
  if (!isInstant(iat) || iat > latest) return "iat";
  if (nbf !== undefined && (!isInstant(nbf) || nbf > latest)) return "nbf";
  const lifetime = exp - iat;
  return lifetime > 0 && lifetime <= rules.lifetimeSecondsMax ? undefined : "lifetime";
}

const TEXT_CLAIMS: readonly TextClaim[] = ["jti", "client_id", "sid", "tid", "did"];

function wrongText(claims: JsonObject, rules: ClaimRules): TokenFaultCode | undefined {
  for (const name of TEXT_CLAIMS) {
    const value = claims[name];
    if (value === undefined ? rules.required.includes(name) : !isName(value)) return name;
  }
  return undefined;
}

function wrongExtra(claims: JsonObject): TokenFaultCode | undefined {
  // RFC 9449 §7.2: a token bound to a key is worthless without its proof, which we do not check.
  if (claims["cnf"] !== undefined) return "cnf";
  const { scope, amr, auth_time: authTime } = claims as Record<string, unknown>;
  if (scope !== undefined && typeof scope !== "string") return "scope";
  // A token in which somebody acts as another must say who: otherwise nobody would know.
  if (claims["act"] !== undefined && !isName((claims["act"] as JsonObject | null)?.["sub"])) {
    return "act";
  }
  if (authTime !== undefined && !isInstant(authTime)) return "auth_time";
  return amr === undefined || (Array.isArray(amr) && amr.every(isName)) ? undefined : "amr";
}

// eslint-disable-next-line no-control-regex -- these are the characters (Unicode category Cc)
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** A name or id: text of 1 to 255 characters without control characters (OpenID Connect Core §2). */
function isName(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= tokenLimits.nameCharactersMax &&
    !CONTROL.test(value)
  );
}

/** RFC 7519 §2 NumericDate. `1e400` is infinite here; 0 and below are no time of ours. */
function isInstant(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= Number.MAX_SAFE_INTEGER;
}

/** RFC 7519 §4.1.3: a text, or a list of nothing but texts. */
function isAudience(value: unknown, audiences: readonly string[]): boolean {
  if (typeof value === "string") return audiences.includes(value);
  if (!Array.isArray(value) || !value.every((one) => typeof one === "string")) return false;
  return value.some((one) => audiences.includes(one));
}
