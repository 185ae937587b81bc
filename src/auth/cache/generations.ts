import { createKeyedHash } from "../../platform/keyed-hash.ts";
import type { SharedMemory } from "../../platform/shared-memory.ts";
import type { InvalidationKey } from "../index.ts";

/**
 * What the principal of a token depends on: all of it computable from the token and the issuer's
 * settings alone.
 */
export interface Dependencies {
  readonly issuer: string;
  readonly subject: string;
  readonly sessionId?: string | undefined;
  readonly tokenId?: string | undefined;
  /** What all tokens of a sign-in at a foreign issuer have in common; revoked like a token. */
  readonly familyId?: string | undefined;
  readonly tenantId?: string | undefined;
}

/** Places of counters: the global one, the issuer's, then those that only the principal needs. */
export type GenerationIndexes = Uint16Array;
/** Values of the counters at those places, read before the slow work began. */
export type Captured = Int32Array;

/** Global + issuer, role catalogue, identity, session or API key, token, tenant. */
export const GENERATIONS_MAX = 7;
/** The first places, on which the verified claims depend: global and issuer. */
const CLAIMS_GENERATIONS = 2;

/**
 * Counters that revocation bumps. Whatever depends on a bumped counter is stale from then on, in
 * one step and with no search. Two keys may fall on one counter: that costs a verification, never
 * a wrong answer. A counter may wrap, because an entry lives for minutes only.
 */
export interface Generations {
  indexesOf(dependencies: Dependencies): GenerationIndexes;
  /** For what depends on nothing but these: the global place, then theirs. */
  indexesOfKeys(keys: readonly InvalidationKey[]): GenerationIndexes;
  /** Must be called before the signature check and the look-ups whose result is cached. */
  capture(indexes: GenerationIndexes): Captured;
  /**
   * Captures anew what the principal depends on and keeps what its claims were verified under:
   * for look-ups that are done again for claims verified earlier.
   */
  recapture(indexes: GenerationIndexes, captured: Captured): Captured;
  current(indexes: GenerationIndexes, captured: Captured): boolean;
  /** True while the claims alone still count: neither everything nor their issuer was bumped. */
  claimsCurrent(indexes: GenerationIndexes, captured: Captured): boolean;
  bump(key: InvalidationKey): void;
}

export function createGenerations(shared: SharedMemory): Generations {
  const words = new Int32Array(shared.generations);
  const hash = createKeyedHash(shared.hashKey);

  // Word 0 is the global one, so the others share the rest.
  function indexOf(kind: string, text: string): number {
    hash.digest(`${kind}:${text}`);
    return 1 + ((hash.low() >>> 0) % (words.length - 1));
  }

  const unchanged = (indexes: GenerationIndexes, captured: Captured, count: number): boolean => {
    for (let place = 0; place < count; place++) {
      if (Atomics.load(words, indexes[place]!) !== captured[place]) return false;
    }
    return true;
  };

  function capture(indexes: GenerationIndexes): Captured {
    const captured = new Int32Array(indexes.length);
    for (let place = 0; place < indexes.length; place++) {
      captured[place] = Atomics.load(words, indexes[place]!);
    }
    return captured;
  }

  const globalIndex = 0;
  const rolesIndex = indexOf("roles", "");
  const indexOfKey = (key: InvalidationKey): number =>
    key.kind === "global" ? globalIndex : indexOf(key.kind, textOf(key));

  return {
    indexesOf({ issuer, subject, sessionId, tokenId, familyId, tenantId }) {
      const indexes = [globalIndex, indexOf("issuer", issuer), rolesIndex];
      indexes.push(indexOf("identity", identityText(issuer, subject)));
      if (sessionId !== undefined) indexes.push(indexOf("session", sessionId));
      if (tokenId !== undefined) indexes.push(indexOf("token", tokenId));
      if (familyId !== undefined) indexes.push(indexOf("token", familyId));
      if (tenantId !== undefined) indexes.push(indexOf("tenant", tenantId));
      return Uint16Array.from(indexes);
    },
    indexesOfKeys: (keys) => Uint16Array.of(globalIndex, ...keys.map(indexOfKey)),
    capture,
    recapture(indexes, captured) {
      const again = capture(indexes);
      again.set(captured.subarray(0, CLAIMS_GENERATIONS));
      return again;
    },
    current: (indexes, captured) => unchanged(indexes, captured, indexes.length),
    claimsCurrent: (indexes, captured) => unchanged(indexes, captured, CLAIMS_GENERATIONS),
    bump: (key) => void Atomics.add(words, indexOfKey(key), 1),
  };
}

function textOf(key: Exclude<InvalidationKey, { kind: "global" }>): string {
  if (key.kind === "identity") return identityText(key.issuer, key.subject);
  if (key.kind === "issuer") return key.issuer;
  return "id" in key ? key.id : "";
}

// The length keeps "a" + "bc" and "ab" + "c" apart.
function identityText(issuer: string, subject: string): string {
  return `${issuer.length}:${issuer}${subject}`;
}
