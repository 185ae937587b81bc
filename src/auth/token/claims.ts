import { isAudience, isInstant, isName, type TextClaim } from "./claim-values.ts";
import { tokenFault, type TokenFault, type TokenFaultCode } from "./fault.ts";
import {
  clientOf,
  readGroups,
  wrongForeignParty,
  type ForeignClaimRules,
} from "./foreign-claims.ts";
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
  /** Of an issuer that is not ourselves. */
  readonly foreign?: ForeignClaimRules | undefined;
}

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
  /** Groups that a foreign token lists. */
  readonly groups?: readonly string[] | undefined;
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
  if (!isType(token.header.typ, rules)) return tokenFault("typ");
  const fault = wrongParty(claims, rules) ?? wrongTime(claims, rules, nowSeconds);
  if (fault !== undefined) return tokenFault(fault);
  const extra = wrongText(claims, rules) ?? wrongExtra(claims, nowSeconds + rules.skewSeconds);
  if (extra !== undefined) return tokenFault(extra);
  const { foreign } = rules;
  const groups = foreign === undefined ? undefined : readGroups(claims, foreign.groupClaims);
  if (foreign !== undefined && groups === undefined) return tokenFault("groups");
  const expiresAt = Math.floor(claims["exp"] as number);
  if (nowSeconds >= expiresAt) return tokenFault("expired");
  const issuedAt = Math.floor(claims["iat"] as number);
  return {
    issuer: rules.issuer,
    subject: claims["sub"] as string,
    audiences: audiencesOf(claims["aud"] as string | readonly string[] | undefined),
    expiresAt,
    issuedAt,
    tokenId: claims.jti as string | undefined,
    clientId: clientOf(claims, foreign),
    sessionId: claims[foreign?.sessionClaim ?? "sid"] as string | undefined,
    tenantId: claims.tid as string | undefined,
    deviceId: claims.did as string | undefined,
    amr: (claims["amr"] as string[] | undefined) ?? [],
    authTime: Math.floor((claims["auth_time"] as number | undefined) ?? issuedAt),
    scope: claims["scope"] as string | undefined,
    ...(claims["act"] === undefined ? {} : { actor: (claims["act"] as { sub: string }).sub }),
    ...(groups === undefined ? {} : { groups }),
  };
}

function wrongParty(claims: JsonObject, rules: ClaimRules): TokenFaultCode | undefined {
  if (claims["iss"] !== rules.issuer) return "iss";
  if (!isName(claims["sub"])) return "sub";
  if (rules.foreign !== undefined) {
    return wrongForeignParty(claims, rules.audiences, rules.foreign);
  }
  return isAudience(claims["aud"], rules.audiences) ? undefined : "aud";
}

/** As a list. An access token of Cognito may have none. */
function audiencesOf(aud: string | readonly string[] | undefined): readonly string[] {
  return typeof aud === "string" ? [aud] : (aud ?? []);
}

function isType(typ: string | undefined, rules: ClaimRules): boolean {
  // A media type, so its case means nothing (RFC 7515 §4.1.9).
  if (rules.foreign !== undefined) return rules.foreign.types.includes((typ ?? "").toLowerCase());
  return rules.typ === undefined || typ === rules.typ;
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

const TEXT_CLAIMS: readonly TextClaim[] = ["jti", "client_id", "sid", "tid", "did", "origin_jti"];

function wrongText(claims: JsonObject, rules: ClaimRules): TokenFaultCode | undefined {
  for (const name of TEXT_CLAIMS) {
    const value = claims[name];
    if (value === undefined ? rules.required.includes(name) : !isName(value)) return name;
  }
  return undefined;
}

function wrongExtra(claims: JsonObject, latest: number): TokenFaultCode | undefined {
  // RFC 9449 §7.2: a token bound to a key is worthless without its proof, which we do not check.
  if (claims["cnf"] !== undefined) return "cnf";
  const { scope, amr, auth_time: authTime } = claims as Record<string, unknown>;
  if (scope !== undefined && typeof scope !== "string") return "scope";
  // A token in which somebody acts as another must say who: otherwise nobody would know.
  if (claims["act"] !== undefined && !isName((claims["act"] as JsonObject | null)?.["sub"])) {
    return "act";
  }
  // One in the future, or in milliseconds, would be after every sign-out.
  if (authTime !== undefined && !(isInstant(authTime) && authTime <= latest)) return "auth_time";
  return amr === undefined || (Array.isArray(amr) && amr.every(isName)) ? undefined : "amr";
}
