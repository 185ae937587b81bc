import { systemClock, type Clock } from "../../platform/clock.ts";
import type { ForeignAlgorithm } from "../../platform/issuer-settings.ts";
import { authorizerLimits as limits } from "../../platform/limits.ts";
import { afterTime } from "../issuers/key-demand.ts";
import { KeySet } from "../issuers/key-set.ts";
import { validateClaims, type ClaimRules, type Claims } from "../token/claims.ts";
import { isTokenFault } from "../token/fault.ts";
import { parseToken, type JoseHeader } from "../token/parse.ts";
import { verifySignature, type VerificationKey } from "../token/verify.ts";
import { AuthZTokenClaims } from "./claims.ts";
import { AuthenticationError, TokenExpiredError, TokenValidationError } from "./failures.ts";
import type { AuthZProvider } from "./provider.ts";

export interface TokenAuthorizerOptions {
  readonly rules: ClaimRules;
  /** Undefined: found by discovery. */
  readonly jwksUri: string | undefined;
  readonly algorithms: readonly ForeignAlgorithm[];
  readonly clock?: Clock | undefined;
}

export interface AuthorizerStats {
  readonly issuer: string;
  readonly verified: number;
  readonly refused: number;
  /** Nobody could say: no key set of the issuer counts. */
  readonly unavailable: number;
}

/**
 * Verifies the tokens of one issuer: the parser, the rules and the signature check that Brigade
 * judges its own callers by, with a key set of its own. The set is loaded by the first call and
 * kept up to date in the background until `close`.
 */
export class TokenAuthorizer implements AuthZProvider {
  readonly #rules: ClaimRules;
  readonly #clock: Clock;
  readonly #keySet: KeySet;
  readonly #counts = { verified: 0, refused: 0, unavailable: 0 };
  #isStarted = false;

  constructor({ rules, jwksUri, algorithms, clock = systemClock }: TokenAuthorizerOptions) {
    this.#rules = rules;
    this.#clock = clock;
    this.#keySet = new KeySet({ settings: { issuer: rules.issuer, jwksUri, algorithms }, clock });
  }

  /**
   * Throws `TokenExpiredError`, `TokenValidationError`, or `AuthenticationError` with status 503
   * when no key set can be had.
   */
  async verify(token: string): Promise<AuthZTokenClaims> {
    try {
      const claims = await this.#verify(token);
      this.#counts.verified++;
      return claims;
    } catch (error) {
      const isAway = error instanceof AuthenticationError && error.status === 503;
      this.#counts[isAway ? "unavailable" : "refused"]++;
      throw error;
    }
  }

  stats(): AuthorizerStats {
    return { issuer: this.#rules.issuer, ...this.#counts };
  }

  /** Ends the refreshing of the key set; nothing keeps the process alive without it either. */
  close(): void {
    this.#keySet.stop();
  }

  /** The cheapest test first; a key is asked for only for a token whose every claim is good. */
  async #verify(token: string): Promise<AuthZTokenClaims> {
    const parsed = parseToken(token);
    if (isTokenFault(parsed)) throw new TokenValidationError(parsed.fault);
    const claims = validateClaims(parsed, this.#rules, this.#clock.nowSeconds());
    if (isTokenFault(claims) && claims.fault !== "expired") {
      throw new TokenValidationError(claims.fault);
    }
    const key = await this.#keyFor(parsed.header);
    if (key === undefined) throw new TokenValidationError("key");
    if (!verifySignature(key, parsed.signingInput, parsed.signature)) {
      throw new TokenValidationError("signature");
    }
    // Said only to whom the signature proves that it was once right.
    if (isTokenFault(claims)) throw new TokenExpiredError();
    return toClaims(claims, parsed.payload, this.#clock);
  }

  async #keyFor({ kid, alg }: JoseHeader): Promise<VerificationKey | undefined> {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#keySet.start();
    }
    const known = this.#keySet.find(kid, alg);
    if (known !== undefined) return known;
    const asked = this.#keySet.want(kid);
    if (asked !== undefined) await inTime(asked);
    if (!this.#keySet.isUsable()) throw keysAway();
    return this.#keySet.find(kid, alg);
  }
}

/** A key that does not come in time is not there: the caller may come again. */
async function inTime(asked: Promise<void>): Promise<void> {
  let cancel = () => {};
  const late = new Promise<void>((resolve) => (cancel = afterTime(limits.keyWaitMs, resolve)));
  await Promise.race([asked, late]);
  cancel();
}

function keysAway(): AuthenticationError {
  return new AuthenticationError("The issuer's keys could not be got", {
    code: "issuer_unavailable",
    retryAfterSeconds: limits.retryAfterSeconds,
  });
}

function toClaims(
  claims: Claims,
  payload: Readonly<Record<string, unknown>>,
  clock: Clock,
): AuthZTokenClaims {
  const { email } = payload as { email?: unknown };
  return new AuthZTokenClaims(
    {
      sub: claims.subject,
      iss: claims.issuer,
      aud: claims.audiences[0] ?? claims.clientId ?? "",
      exp: claims.expiresAt,
      iat: claims.issuedAt,
      email: typeof email === "string" ? email : undefined,
      groups: claims.groups ?? [],
      payload: Object.freeze(payload),
    },
    clock,
  );
}
