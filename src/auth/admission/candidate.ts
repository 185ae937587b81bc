import type { Rejection } from "../../platform/errors.ts";
import { validateClaims, type Claims } from "../token/claims.ts";
import { isTokenFault } from "../token/fault.ts";
import { parseToken } from "../token/parse.ts";
import type { Issuer } from "../issuers/issuer.ts";
import type { IssuerRegistry } from "../issuers/registry.ts";
import type { VerifyTask } from "../token/batch.ts";
import { KEYS_AWAY, tokenInvalid } from "./refusals.ts";

/** A token that a good signature would make one of an issuer we trust. Nothing is verified yet. */
export interface Candidate {
  readonly issuer: Issuer;
  readonly task: VerifyTask;
  /** Undefined: expired, and everything else about it is good. */
  readonly claims: Claims | undefined;
}

/** The same but for its key, which may have come up at its foreign issuer since we looked. */
export interface KeylessCandidate {
  readonly issuer: Issuer;
  readonly claims: Claims;
  readonly kid: string;
  /** The whole candidate, once the key is here. Its time may have come while it was waited for. */
  complete(nowSeconds: number): Candidate | undefined;
}

/**
 * Reads a token as far as that is possible without asking anybody, cheapest test first. The issuer
 * is chosen from the configured ones by the token's own words, the algorithm and key are ours.
 */
export function readCandidate(
  token: string,
  issuers: IssuerRegistry,
  nowSeconds: number,
): Candidate | KeylessCandidate | Rejection {
  const parsed = parseToken(token);
  if (isTokenFault(parsed)) {
    return tokenInvalid(isRefreshToken(token) ? "refresh_token" : parsed.fault);
  }
  const issuer = issuers.find(parsed.payload["iss"]);
  if (issuer === undefined) return tokenInvalid("issuer");
  if (issuer.foreign?.hasKeys() === false) return KEYS_AWAY;
  const { kid, alg } = parsed.header;
  const key = issuer.keyFor(kid, alg);
  if (key === undefined && issuer.foreign === undefined) return tokenInvalid("key");
  const claims = validateClaims(parsed, issuer.rules, nowSeconds);
  const { signingInput, signature } = parsed;
  if (key === undefined) {
    // Only a token that is good but for its key is worth a look at the key set.
    if (isTokenFault(claims)) return tokenInvalid("key");
    const complete = (laterSeconds: number) => {
      const found = issuer.keyFor(kid, alg);
      const unexpired = laterSeconds < claims.expiresAt ? claims : undefined;
      return found && { issuer, claims: unexpired, task: { signingInput, signature, key: found } };
    };
    return { issuer, claims, kid, complete };
  }
  const task = { signingInput, signature, key };
  if (!isTokenFault(claims)) return { issuer, task, claims };
  // "Expired" is only said to whom the signature proves it was once right.
  if (claims.fault === "expired") return { issuer, task, claims: undefined };
  return tokenInvalid(claims.fault);
}

/** `kid.session.counter.mac`: good for the refresh route, never for a request. */
function isRefreshToken(token: string): boolean {
  return /^[\w-]{1,128}\.[\w-]{1,64}\.\d{1,16}\.[\w-]{16,128}$/.test(token);
}
