import { API_KEY_PREFIX } from "../../http/bearer.ts";
import type { Principal } from "../../http/principal.ts";
import type { Clock } from "../../platform/clock.ts";
import { isRejection, type Rejection } from "../../platform/errors.ts";
import { admissionLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { KeyAdmission } from "../api-keys/admission.ts";
import { readKeyText, type KeyText } from "../api-keys/key-text.ts";
import type { AuthCache, CachedEntry } from "../cache/auth-cache.ts";
import type { Captured, GenerationIndexes, Generations } from "../cache/generations.ts";
import type { Issuer } from "../issuers/issuer.ts";
import type { IssuerRegistry } from "../issuers/registry.ts";
import type { Claims } from "../token/claims.ts";
import { tokenLabel } from "../token/digest.ts";
import type { VerifySignature } from "../verify-pool.ts";
import { createBadSignatures, type BadSignatures } from "./bad-signatures.ts";
import { readCandidate, type Candidate, type KeylessCandidate } from "./candidate.ts";
import { createFlights, type Flights } from "./flights.ts";
import { isMachineToken, type Found, type LookUps } from "./look-ups.ts";
import { toPrincipal } from "./principal.ts";
import * as refusals from "./refusals.ts";
import { tokenInvalid, type RefusalLog } from "./refusals.ts";
import { lastingVerdict, type Verdict } from "./verdict.ts";

export interface AdmissionOptions {
  readonly issuers: IssuerRegistry;
  readonly verify: VerifySignature;
  readonly cache: AuthCache;
  readonly generations: Generations;
  readonly lookUps: LookUps;
  readonly apiKeys: KeyAdmission | undefined;
  readonly refusalLog: RefusalLog;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The principal of an entry that counts now. */
  readonly hit: (entry: CachedEntry | undefined) => Principal | undefined;
}

/** Verified claims, and the state of the generations before the work that is to be cached. */
interface Verified {
  readonly claims: Claims;
  readonly tenantId: string;
  readonly indexes: GenerationIndexes;
  readonly captured: Captured;
  /** Of the entry whose claims are used again. */
  readonly deadlineTicks?: number;
}

type Outcome = Principal | Rejection;

/** The cold path: everything that a cached principal spares us. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #flights: Flights;
  readonly #badSignatures: BadSignatures;
  /** Counted apart: whoever invents names of keys must not make good tokens wait. */
  readonly #inventedKeys: BadSignatures;
  readonly #countVerification: () => void;

  constructor(options: AdmissionOptions) {
    const { metrics, clock } = options;
    const joined = metrics.counter("brigade_auth_flights_joined_total", "Waiters for a flight");
    const checks = metrics.counter("brigade_auth_verifications_total", "Signatures checked");
    const seconds = metrics.histogram(
      "brigade_auth_validation_seconds",
      "Validation of a token that is not cached, or of which something is to be asked anew",
    );
    this.#options = options;
    this.#flights = createFlights({
      againMax: admissionLimits.flightAgainMax,
      giveUp: refusals.OVERTAKEN,
      onJoined: () => joined.add(),
      clock,
      onLanded: (time) => seconds.observe(time),
    });
    this.#badSignatures = createBadSignatures(clock);
    this.#inventedKeys = createBadSignatures(clock);
    this.#countVerification = () => checks.add();
    metrics.gauge("brigade_auth_flights", "Tokens being admitted", () => this.#flights.count());
  }

  /** `entry`: what is cached of the token and does not count as it is. */
  admit(
    token: string,
    address: string,
    entry: CachedEntry | undefined,
  ): Outcome | Promise<Outcome> {
    const flight = this.#flights.of(token);
    if (flight === undefined) return this.#begin(token, address, entry);
    return this.#flights.join(token, flight, () => {
      // Somebody else may have filled the cache since.
      const fresh = this.#options.cache.lookup(token, this.#options.clock.nowSeconds());
      return this.#options.hit(fresh) ?? this.#begin(token, address, fresh);
    });
  }

  #begin(
    token: string,
    address: string,
    entry: CachedEntry | undefined,
  ): Outcome | Promise<Outcome> {
    if (token.startsWith(API_KEY_PREFIX)) return this.#beginKey(token, address, entry);
    const { issuers, lookUps, clock } = this.#options;
    if (entry !== undefined) {
      if (lookUps.isAway())
        return this.#refuse(refusals.LOOK_UPS_AWAY, token, address, entry.claims);
      return this.#flights.lead(token, () => this.#lookUpAgain(token, address, entry));
    }
    const candidate = readCandidate(token, issuers, clock.nowSeconds());
    if ("rejected" in candidate) return this.#refuse(candidate, token, address);
    const waitSeconds = this.#badSignatures.retryAfterSeconds(address);
    if (waitSeconds > 0) {
      return this.#refuse(refusals.tooManyBadSignatures(waitSeconds), token, address);
    }
    if (candidate.claims !== undefined && lookUps.isAway()) {
      return this.#refuse(refusals.LOOK_UPS_AWAY, token, address, candidate.claims);
    }
    if ("task" in candidate) {
      return this.#flights.lead(token, () => this.#verify(token, address, candidate));
    }
    // A request that waits keeps its connection, which it may share with others.
    const mayWait = this.#inventedKeys.retryAfterSeconds(address) === 0;
    const looking = mayWait ? candidate.issuer.foreign?.wantKey(candidate.kid) : undefined;
    if (looking === undefined) return this.#refuse(tokenInvalid("key"), token, address);
    return this.#flights.lead(token, () => this.#awaitKey(token, address, candidate, looking));
  }

  #beginKey(
    token: string,
    address: string,
    entry: CachedEntry | undefined,
  ): Outcome | Promise<Outcome> {
    const { lookUps, apiKeys } = this.#options;
    const key = readKeyText(token);
    if (key === undefined) return this.#refuse(tokenInvalid("api_key_text"), token, address);
    if (apiKeys === undefined) return this.#refuse(tokenInvalid("api_key_unknown"), token, address);
    const refusal = entry === undefined ? apiKeys.refusal(address) : undefined;
    if (refusal !== undefined) return this.#refuse(refusal, token, address);
    if (lookUps.isAway()) return this.#refuse(refusals.LOOK_UPS_AWAY, token, address);
    return this.#flights.lead(token, () => this.#admitKey(apiKeys, token, address, key, entry));
  }

  async #admitKey(
    apiKeys: KeyAdmission,
    token: string,
    address: string,
    key: KeyText,
    entry: CachedEntry | undefined,
  ): Promise<Verdict> {
    const { cache } = this.#options;
    const verdict = await (entry === undefined
      ? apiKeys.admit(key, address)
      : apiKeys.admitAgain(key, entry));
    const { outcome, fill } = verdict;
    if (fill !== undefined) cache.fill(token, fill);
    if (isRejection(outcome)) {
      if (outcome !== refusals.LOOK_UPS_AWAY) cache.drop(token);
      this.#refuse(outcome, token, address, entry?.claims, key.id);
    }
    return verdict;
  }

  /** The first tokens under a new key wait until the key set was looked at again. */
  async #awaitKey(
    token: string,
    address: string,
    candidate: KeylessCandidate,
    looking: Promise<void>,
  ): Promise<Verdict> {
    await looking;
    const complete = candidate.complete(this.#options.clock.nowSeconds());
    if (complete !== undefined) return this.#verify(token, address, complete);
    this.#inventedKeys.charge(address);
    return lastingVerdict(this.#refuse(tokenInvalid("key"), token, address));
  }

  async #verify(token: string, address: string, candidate: Candidate): Promise<Verdict> {
    const { claims, issuer } = candidate;
    // Before the signature check and the look-ups: what is revoked while they run makes what they
    // find stale from the start.
    const verified = claims === undefined ? undefined : this.#capture(claims, issuer);
    const isSigned = await this.#isSigned(candidate);
    if (isSigned === undefined) {
      return lastingVerdict(this.#refuse(refusals.VERIFIER_BUSY, token, address, claims));
    }
    if (!isSigned) {
      this.#badSignatures.charge(address);
      return lastingVerdict(this.#refuse(tokenInvalid("signature"), token, address));
    }
    if (claims === undefined) {
      return lastingVerdict(this.#refuse(refusals.TOKEN_EXPIRED, token, address));
    }
    if (verified === undefined) {
      return lastingVerdict(this.#refuse(tokenInvalid("tenant"), token, address, claims));
    }
    return this.#lookUp(token, address, verified);
  }

  /** The signature verdict of a cached entry stays; what can be revoked is asked anew. */
  async #lookUpAgain(token: string, address: string, entry: CachedEntry): Promise<Verdict> {
    const { claims, indexes, captured, deadlineTicks } = entry;
    const tenantId = this.#options.issuers.find(claims.issuer)?.tenantOf(claims);
    if (tenantId === undefined) {
      return lastingVerdict(this.#refuse(tokenInvalid("tenant"), token, address, claims));
    }
    // Captured when it was found, or still true then: before these look-ups in either case.
    return this.#lookUp(token, address, { claims, tenantId, indexes, captured, deadlineTicks });
  }

  async #lookUp(token: string, address: string, verified: Verified): Promise<Verdict> {
    const { cache, generations, lookUps, log } = this.#options;
    const { claims, tenantId, indexes, captured, ...again } = verified;
    const isCurrent = () => generations.current(indexes, captured);
    const found = await lookUps.find(claims, tenantId);
    const outcome = found === undefined ? refusals.LOOK_UPS_AWAY : judge(verified, found);
    if (isRejection(outcome)) {
      // Without an answer of the database the verified claims are still worth keeping.
      if (found !== undefined) cache.drop(token);
      const { issuer, subject, sessionId } = claims;
      const who = { tenantId, issuer, subject, sessionId };
      const refused = Object.freeze({ ...outcome, who: Object.freeze(who) });
      return { outcome: this.#refuse(refused, token, address, claims), isCurrent };
    }
    // A role that ends must not be worth anything a moment longer.
    const expiresAt = Math.min(claims.expiresAt, found?.grants?.until ?? claims.expiresAt);
    cache.fill(token, { claims, principal: outcome, expiresAt, indexes, captured, ...again });
    if (log.isLevelEnabled("debug")) {
      const { userId, sessionId } = outcome;
      const fields = { user_id: userId, session_id: sessionId, tenant_id: tenantId };
      log.debug({ event: "token_admitted", token_digest: tokenLabel(token), ...fields });
    }
    return { outcome, isCurrent };
  }

  #capture(claims: Claims, issuer: Issuer): Verified | undefined {
    const { generations } = this.#options;
    const tenantId = issuer.tenantOf(claims);
    if (tenantId === undefined) return undefined;
    const { subject, sessionId, tokenId } = claims;
    const session = issuer.foreign === undefined ? { sessionId } : { familyId: sessionId };
    const dependencies = { issuer: issuer.issuer, subject, ...session, tokenId, tenantId };
    const indexes = generations.indexesOf(dependencies);
    return { claims, tenantId, indexes, captured: generations.capture(indexes) };
  }

  /** Undefined when nobody could check it. */
  async #isSigned({ task }: Candidate): Promise<boolean | undefined> {
    this.#countVerification();
    try {
      return await this.#options.verify(task);
    } catch (error) {
      this.#options.log.warn({ event: "verification_failed", error });
      return undefined;
    }
  }

  #refuse(
    rejection: Rejection,
    token: string,
    address: string,
    claims?: Claims,
    apiKeyId?: string,
  ): Rejection {
    return this.#options.refusalLog.refuse(rejection, {
      token,
      address,
      issuer: claims?.issuer,
      sessionId: claims?.sessionId,
      apiKeyId,
    });
  }
}

/** Whether the database lets these verified claims in. */
function judge({ claims, tenantId }: Verified, found: Found): Outcome {
  const { isOwn, session, machine, grants } = found;
  if (found.isTokenRevoked) return tokenInvalid("token_revoked");
  if (isOwn && isMachineToken(claims)) {
    if (machine === undefined) return tokenInvalid("session_ended");
    if (machine.clientId !== claims.subject) return tokenInvalid("session_of_another");
    if (machine.tenantId !== tenantId) return tokenInvalid("tenant");
    if (machine.disabled) return tokenInvalid("account_disabled");
  } else if (isOwn) {
    if (session === undefined) return tokenInvalid("session_ended");
    if (session.accountId !== claims.subject) return tokenInvalid("session_of_another");
    if (session.tenantId !== tenantId) return tokenInvalid("tenant");
    // The least telling answer: who holds a stolen token learns nothing about the account.
    if (session.disabled) return tokenInvalid("account_disabled");
  }
  // Somebody of that name in another tenant is somebody else.
  if (grants?.tenantId !== tenantId) return refusals.PRINCIPAL_UNKNOWN;
  return toPrincipal({ claims, tenantId, session, machine, grants });
}
