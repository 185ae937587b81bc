import { Packr } from "msgpackr";
import { authCacheLimits, sharedMemoryLimits } from "../../platform/limits.ts";
import type { SharedMemory } from "../../platform/shared-memory.ts";
import {
  GENERATIONS_MAX,
  type Captured,
  type GenerationIndexes,
  type Generations,
} from "./generations.ts";

/*
 * Verified claims and principals, shared by all HTTP threads. Fixed slots in buckets of four. The
 * states of a slot, by its sequence word (`base` grows by 4 with every change):
 *
 *   empty    base        nothing in it; what memory starts as
 *   live     base + 2    may be read
 *   taken    spawn<<1|1  odd: the thread with this spawn number is writing, and nobody reads
 *
 *   empty, live ──take: compare-exchange──▶ taken ──release──▶ live
 *                                             └──freeOwnedBy, by main──▶ empty
 *   live ──sweep: compare-exchange──▶ empty
 *
 * The odd value names its owner, so there is no moment in which a dead owner is unknown. `BASE`
 * keeps the number to go on from; only the owner, or main for a dead owner, writes it.
 *
 * A reader copies the slot between two looks at the sequence word. The number never comes again
 * (2^30 changes within one copy), so an equal even word means that nobody wrote meanwhile.
 */

const SEQUENCE = 0;
const BASE = 1;
const KEY = 2;
const KEY_WORDS = 4;
/** `exp`, seconds since the epoch. */
const EXPIRES_AT = 6;
const DEADLINE_TICKS = 7;
const STORED_TICKS = 8;
/** Payload bytes in the low half, number of generations in the high one. */
const LENGTHS = 9;
const INDEXES = 10;
const GENERATIONS = INDEXES + GENERATIONS_MAX;
const HEADER_WORDS = GENERATIONS + GENERATIONS_MAX;

const STATE_MASK = 3;
const LIVE = 2;
const STEP = 4;

/** What a slot keeps beside the payload. */
export interface TableEntry {
  /** Verified claims and principal; anything that msgpack can say. */
  readonly payload: unknown;
  readonly expiresAt: number;
  readonly deadlineTicks: number;
  readonly indexes: GenerationIndexes;
  readonly captured: Captured;
}

export interface FoundEntry extends TableEntry {
  /** False: the principal is stale, the verified claims still count. */
  readonly isCurrent: boolean;
}

export type PutOutcome = "stored" | "too_large" | "contended";

export interface ClaimsTableStats {
  readonly slotCount: number;
  /** Slots that hold something not past, counted now. */
  readonly live: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly tooLarge: number;
  readonly contended: number;
}

export interface ClaimsTable {
  /** `digest`: at least 16 bytes over the whole token and the rule-set id. */
  get(digest: Uint8Array, nowSeconds: number, nowTicks: number): FoundEntry | undefined;
  put(digest: Uint8Array, entry: TableEntry, nowSeconds: number, nowTicks: number): PutOutcome;
  /** For main: empties the slots that a dead thread was writing, and tells how many. */
  freeOwnedBy(spawn: number): number;
  /** Empties the slots that are past, and tells how many. */
  sweep(nowSeconds: number, nowTicks: number): number;
  stats(nowSeconds: number, nowTicks: number): ClaimsTableStats;
}

export interface ClaimsTableOptions {
  readonly shared: SharedMemory & { readonly claims: SharedArrayBuffer };
  readonly generations: Generations;
  /** Spawn number of the calling thread: owner of the slots that it writes. */
  readonly owner: number;
}

/** One thread's view of the table. Not for use by two threads: it has a scratch copy. */
export function createClaimsTable({ shared, generations, owner }: ClaimsTableOptions): ClaimsTable {
  const words = new Int32Array(shared.claims);
  const slotWords = shared.claimsSlotBytes / Int32Array.BYTES_PER_ELEMENT;
  const slotCount = words.length / slotWords;
  const { bucketSlots } = sharedMemoryLimits;
  const bucketMask = slotCount / bucketSlots - 1;
  const payloadBytesMax = (slotWords - HEADER_WORDS) * Int32Array.BYTES_PER_ELEMENT;
  const taken = (owner << 1) | 1 | 0;
  const scratch = new Int32Array(slotWords);
  const scratchBytes = new Uint8Array(scratch.buffer, HEADER_WORDS * 4);
  const key = new Int32Array(KEY_WORDS);
  // Plain maps: record definitions would have to be the same in every thread.
  const packr = new Packr({ useRecords: false });
  const counts = { hits: 0, misses: 0, evictions: 0, tooLarge: 0, contended: 0 };

  /** Sets `key` and tells the first word of the bucket. */
  function locate(digest: Uint8Array): number {
    for (let word = 0; word < KEY_WORDS; word++) {
      const at = word * 4;
      key[word] =
        digest[at]! | (digest[at + 1]! << 8) | (digest[at + 2]! << 16) | (digest[at + 3]! << 24);
    }
    return (key[0]! & bucketMask) * bucketSlots * slotWords;
  }

  /** Copies a slot into the scratch. False: empty, being written, or changed meanwhile. */
  function copy(at: number): boolean {
    const sequence = Atomics.load(words, at + SEQUENCE);
    if ((sequence & STATE_MASK) !== LIVE) return false;
    // Most slots of a bucket belong to others: one word tells, and the copy is spared.
    if (Atomics.load(words, at + KEY) !== key[0]) return false;
    for (let word = BASE; word < HEADER_WORDS; word++) {
      scratch[word] = Atomics.load(words, at + word);
    }
    const bytes = Math.min(scratch[LENGTHS]! & 0xffff, payloadBytesMax);
    const end = HEADER_WORDS + ((bytes + 3) >> 2);
    for (let word = HEADER_WORDS; word < end; word++) {
      scratch[word] = Atomics.load(words, at + word);
    }
    return Atomics.load(words, at + SEQUENCE) === sequence;
  }

  function isWanted(): boolean {
    for (let word = 0; word < KEY_WORDS; word++) {
      if (scratch[KEY + word] !== key[word]) return false;
    }
    return true;
  }

  const isPast = (expiresAt: number, deadline: number, nowSeconds: number, nowTicks: number) =>
    nowSeconds >= expiresAt >>> 0 || nowTicks >= deadline >>> 0;

  function isSlotPast(at: number, nowSeconds: number, nowTicks: number): boolean {
    const expiresAt = Atomics.load(words, at + EXPIRES_AT);
    return isPast(expiresAt, Atomics.load(words, at + DEADLINE_TICKS), nowSeconds, nowTicks);
  }

  /** The entry in the scratch, unless its claims are stale. */
  function open(): FoundEntry | undefined {
    const count = scratch[LENGTHS]! >>> 16;
    const indexes = Uint16Array.from(scratch.subarray(INDEXES, INDEXES + count));
    const captured = scratch.slice(GENERATIONS, GENERATIONS + count);
    const isCurrent = generations.current(indexes, captured);
    if (!isCurrent && !generations.claimsCurrent(indexes, captured)) return undefined;
    return {
      payload: packr.unpack(scratchBytes.subarray(0, scratch[LENGTHS]! & 0xffff)),
      expiresAt: scratch[EXPIRES_AT]! >>> 0,
      deadlineTicks: scratch[DEADLINE_TICKS]! >>> 0,
      indexes,
      captured,
      isCurrent,
    };
  }

  /** Where to write: the key's own slot, else an empty, else a past one, else the oldest. */
  function choose(bucket: number, nowSeconds: number, nowTicks: number): number {
    let best = -1;
    let bestRank = Infinity;
    for (let slot = 0; slot < bucketSlots; slot++) {
      const at = bucket + slot * slotWords;
      const rank = rankOf(at, nowSeconds, nowTicks);
      if (rank < bestRank) {
        best = at;
        bestRank = rank;
      }
    }
    return best;
  }

  // A look without the sequence: a wrong choice replaces another entry, and no answer.
  function rankOf(at: number, nowSeconds: number, nowTicks: number): number {
    const sequence = Atomics.load(words, at + SEQUENCE);
    if ((sequence & 1) === 1) return Infinity;
    let equal = 0;
    while (equal < KEY_WORDS && Atomics.load(words, at + KEY + equal) === key[equal]) equal++;
    if (equal === KEY_WORDS) return -3;
    if ((sequence & STATE_MASK) !== LIVE) return -2;
    if (isSlotPast(at, nowSeconds, nowTicks)) return -1;
    return Atomics.load(words, at + STORED_TICKS) >>> 0;
  }

  /** Writes a slot that this thread has taken. */
  function write(at: number, entry: TableEntry, payload: Uint8Array, nowTicks: number): void {
    const count = entry.indexes.length;
    for (let word = 0; word < KEY_WORDS; word++) {
      Atomics.store(words, at + KEY + word, key[word]!);
    }
    Atomics.store(words, at + EXPIRES_AT, entry.expiresAt | 0);
    Atomics.store(words, at + DEADLINE_TICKS, entry.deadlineTicks | 0);
    Atomics.store(words, at + STORED_TICKS, nowTicks | 0);
    Atomics.store(words, at + LENGTHS, payload.length | (count << 16));
    for (let place = 0; place < count; place++) {
      Atomics.store(words, at + INDEXES + place, entry.indexes[place]!);
      Atomics.store(words, at + GENERATIONS + place, entry.captured[place]!);
    }
    for (let byte = 0, word = at + HEADER_WORDS; byte < payload.length; byte += 4, word++) {
      const value =
        payload[byte]! |
        ((payload[byte + 1] ?? 0) << 8) |
        ((payload[byte + 2] ?? 0) << 16) |
        ((payload[byte + 3] ?? 0) << 24);
      Atomics.store(words, word, value);
    }
  }

  return {
    get(digest, nowSeconds, nowTicks) {
      const bucket = locate(digest);
      let stale: FoundEntry | undefined;
      for (let slot = 0; slot < bucketSlots; slot++) {
        if (!copy(bucket + slot * slotWords) || !isWanted()) continue;
        if (isPast(scratch[EXPIRES_AT]!, scratch[DEADLINE_TICKS]!, nowSeconds, nowTicks)) continue;
        // Two threads may have filled two slots with one key; the current one is wanted.
        const entry = open();
        if (entry?.isCurrent === true) {
          counts.hits++;
          return entry;
        }
        stale ??= entry;
      }
      if (stale === undefined) counts.misses++;
      else counts.hits++;
      return stale;
    },
    put(digest, entry, nowSeconds, nowTicks) {
      const payload = packr.pack(entry.payload);
      if (payload.length > payloadBytesMax) {
        counts.tooLarge++;
        return "too_large";
      }
      const bucket = locate(digest);
      for (let attempt = 0; attempt < authCacheLimits.takeAttemptsMax; attempt++) {
        const at = choose(bucket, nowSeconds, nowTicks);
        if (at === -1) break;
        const sequence = Atomics.load(words, at + SEQUENCE);
        if ((sequence & 1) === 1) continue;
        if (Atomics.compareExchange(words, at + SEQUENCE, sequence, taken) !== sequence) continue;
        if ((sequence & STATE_MASK) === LIVE && !isSlotPast(at, nowSeconds, nowTicks)) {
          counts.evictions++;
        }
        write(at, entry, payload, nowTicks);
        const base = ((sequence & ~STATE_MASK) + STEP) | 0;
        Atomics.store(words, at + BASE, base);
        Atomics.store(words, at + SEQUENCE, base | LIVE);
        return "stored";
      }
      counts.contended++;
      return "contended";
    },
    freeOwnedBy(spawn) {
      const dead = (spawn << 1) | 1 | 0;
      let freed = 0;
      for (let at = 0; at < words.length; at += slotWords) {
        if (Atomics.load(words, at + SEQUENCE) !== dead) continue;
        const base = (Atomics.load(words, at + BASE) + STEP) | 0;
        if (Atomics.compareExchange(words, at + SEQUENCE, dead, base) === dead) freed++;
      }
      return freed;
    },
    sweep(nowSeconds, nowTicks) {
      let emptied = 0;
      for (let at = 0; at < words.length; at += slotWords) {
        const sequence = Atomics.load(words, at + SEQUENCE);
        if ((sequence & STATE_MASK) !== LIVE || !isSlotPast(at, nowSeconds, nowTicks)) continue;
        const base = ((sequence & ~STATE_MASK) + STEP) | 0;
        // Refused when somebody replaced the entry since: the sequence moved.
        if (Atomics.compareExchange(words, at + SEQUENCE, sequence, base) === sequence) emptied++;
      }
      return emptied;
    },
    stats(nowSeconds, nowTicks) {
      let live = 0;
      for (let at = 0; at < words.length; at += slotWords) {
        const sequence = Atomics.load(words, at + SEQUENCE);
        if ((sequence & STATE_MASK) === LIVE && !isSlotPast(at, nowSeconds, nowTicks)) live++;
      }
      return { slotCount, live, ...counts };
    },
  };
}
