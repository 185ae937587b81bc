import { timingSafeEqual } from "node:crypto";
import type { Principal } from "../../http/principal.ts";
import type { Rejection } from "../../platform/errors.ts";
import type { LookUps } from "../admission/look-ups.ts";
import {
  LOOK_UPS_AWAY,
  PRINCIPAL_UNKNOWN,
  tokenInvalid,
  tooManyGuesses,
} from "../admission/refusals.ts";
import type { CachedEntry, CacheFill } from "../cache/auth-cache.ts";
import type { Captured, GenerationIndexes, Generations } from "../cache/generations.ts";
import type { InvalidationKey, LoadRoles } from "../index.ts";
import type { Guesses } from "./guesses.ts";
import type { KeyText } from "./key-text.ts";
import { claimsOf, toKeyPrincipal } from "./principal.ts";
import type { LiveKey, LoadKey } from "./store-live.ts";

export interface KeyAdmissionOptions {
  readonly loadKey: LoadKey;
  readonly loadRoles: LoadRoles;
  readonly guesses: Guesses;
  readonly lookUps: Pick<LookUps, "attempt">;
  readonly generations: Generations;
  /** `iss` of our own tokens: a key acts for one of our accounts. */
  readonly ownIssuer: string;
}

/** What became of a key, and whether that still counts. */
export interface KeyVerdict {
  readonly outcome: Principal | Rejection;
  /** To be cached under the key's text. */
  readonly fill?: CacheFill;
  isCurrent(): boolean;
}

/** Words, and what they were before the work whose result depends on them. */
interface Watch {
  readonly indexes: GenerationIndexes;
  readonly captured: Captured;
}

interface Owner {
  readonly accountId: string;
  readonly tenantId: string;
}

/**
 * The cold path of API keys. The text says which key it is; whose it is only the database does, and
 * that never changes. So the key is read once to learn its owner, the owner's words are captured,
 * and only then key, owner and roles are read for good: whatever is taken away from the owner while
 * that is under way makes the result stale from the start.
 */
export class KeyAdmission {
  readonly #options: KeyAdmissionOptions;

  constructor(options: KeyAdmissionOptions) {
    this.#options = options;
  }

  /** A refusal by memory alone: the network's guesses are used up. */
  refusal(address: string): Rejection | undefined {
    const seconds = this.#options.guesses.retryAfterSeconds(address);
    return seconds > 0 ? tooManyGuesses(seconds) : undefined;
  }

  /** A key that nobody here knows: it costs its network a guess until it proves good. */
  async admit(key: KeyText, address: string): Promise<KeyVerdict> {
    const { lookUps, guesses, loadKey } = this.#options;
    const watch = this.#watchKey(key.id);
    const taken = await lookUps.attempt(() => guesses.take(address), false);
    if (taken === undefined) return AWAY;
    if (taken.value !== undefined) return this.#verdict(taken.value, watch);
    const found = await lookUps.attempt(() => loadKey(key.id));
    if (found === undefined) return AWAY;
    // Whoever knows the secret guessed nothing, also when the key lets nobody in any more. Not
    // waited for: the answer is the same whatever becomes of the unit.
    const isRight = isSecretOf(key, found.value);
    if (isRight) void lookUps.attempt(() => guesses.giveBack(address), false);
    const fault = this.#faultOf(found.value, isRight);
    if (fault !== undefined) return this.#verdict(fault, watch);
    return this.#decide(key, found.value!, this.#watchOwner(watch, found.value!));
  }

  /** A key whose secret was right not long ago; what can be taken away is asked anew. */
  admitAgain(key: KeyText, entry: CachedEntry): Promise<KeyVerdict> {
    const { subject, tenantId } = entry.claims;
    return this.#decide(key, { accountId: subject, tenantId: tenantId! }, entry);
  }

  async #decide(
    key: KeyText,
    owner: Owner,
    watch: Watch & { readonly deadlineTicks?: number },
  ): Promise<KeyVerdict> {
    const { lookUps, loadKey, loadRoles, ownIssuer: issuer } = this.#options;
    const { indexes, captured, deadlineTicks } = watch;
    const found = await lookUps.attempt(() =>
      Promise.all([loadKey(key.id), loadRoles({ issuer, subject: owner.accountId })]),
    );
    if (found === undefined) return AWAY;
    const [live, grants] = found.value;
    const fault = this.#faultOf(live, isSecretOf(key, live));
    if (fault !== undefined) return this.#verdict(fault, watch);
    if (grants === undefined) return this.#verdict(this.#of(live!, PRINCIPAL_UNKNOWN), watch);
    const expiresAt = endOf(key, live!);
    const claims = claimsOf(issuer, live!, expiresAt);
    const principal = toKeyPrincipal(claims, live!, grants);
    const again = deadlineTicks === undefined ? {} : { deadlineTicks };
    // A role that ends must not be worth anything a moment longer.
    const fillsUntil = Math.min(expiresAt, grants.until ?? expiresAt);
    const fill = { claims, principal, expiresAt: fillsUntil, indexes, captured, ...again };
    return { ...this.#verdict(principal, watch), fill };
  }

  #verdict(outcome: Principal | Rejection, { indexes, captured }: Watch): KeyVerdict {
    return { outcome, isCurrent: () => this.#options.generations.current(indexes, captured) };
  }

  /** Why this key lets nobody in; the answer is the same for every reason. */
  #faultOf(live: LiveKey | undefined, isRight: boolean): Rejection | undefined {
    if (live === undefined) return tokenInvalid("api_key_unknown");
    if (!isRight) return tokenInvalid("api_key_secret");
    if (live.ended) return this.#of(live, tokenInvalid("api_key_ended"));
    return live.disabled ? this.#of(live, tokenInvalid("account_disabled")) : undefined;
  }

  /** For operators: whom the secret proves it to be of. */
  #of({ accountId, tenantId }: LiveKey, rejection: Rejection): Rejection {
    const { ownIssuer: issuer } = this.#options;
    const who = { tenantId, issuer, subject: accountId, sessionId: undefined };
    return Object.freeze({ ...rejection, who: Object.freeze(who) });
  }

  /** What the text and our settings tell. Everything and the issuer first: see `claimsCurrent`. */
  #watchKey(id: string): Watch {
    return this.#watch([
      { kind: "issuer", issuer: this.#options.ownIssuer },
      { kind: "roles" },
      { kind: "api_key", id },
    ]);
  }

  #watchOwner(watch: Watch, { accountId, tenantId }: Owner): Watch {
    const owner = this.#watch([
      { kind: "identity", issuer: this.#options.ownIssuer, subject: accountId },
      { kind: "tenant", id: tenantId },
    ]);
    // The global word is in both; the one that was captured first counts.
    return {
      indexes: Uint16Array.of(...watch.indexes, ...owner.indexes.subarray(1)),
      captured: Int32Array.of(...watch.captured, ...owner.captured.subarray(1)),
    };
  }

  #watch(keys: readonly InvalidationKey[]): Watch {
    const { generations } = this.#options;
    const indexes = generations.indexesOfKeys(keys);
    return { indexes, captured: generations.capture(indexes) };
  }
}

/** Nobody is let in or refused while the database does not answer. */
const AWAY: KeyVerdict = Object.freeze({ outcome: LOOK_UPS_AWAY, isCurrent: () => true });
const NOBODYS_DIGEST = Buffer.alloc(32);

/** Compares also when there is nothing to compare with: each refusal takes as long. */
function isSecretOf(key: KeyText, live: LiveKey | undefined): boolean {
  const isRight = isPresent(key, live) || isPrevious(key, live);
  return live !== undefined && isRight;
}

function isPresent(key: KeyText, live: LiveKey | undefined): boolean {
  return timingSafeEqual(key.digest, live?.digest ?? NOBODYS_DIGEST);
}

function isPrevious(key: KeyText, live: LiveKey | undefined): boolean {
  return timingSafeEqual(key.digest, live?.previousDigest ?? NOBODYS_DIGEST);
}

/** A secret that was rotated away ends with its overlap. */
function endOf(key: KeyText, live: LiveKey): number {
  return isPresent(key, live) ? live.expiresAt : Math.min(live.expiresAt, live.previousExpiresAt);
}
