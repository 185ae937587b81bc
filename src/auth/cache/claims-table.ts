import { Packr } from "msgpackr";
import { authCacheLimits, sharedMemoryLimits } from "../../platform/limits.ts";
import type { SharedMemory } from "../../platform/shared-memory.ts";
import type { Captured, GenerationIndexes, Generations } from "./generations.ts";
import {
  BASE,
  DEADLINE_TICKS,
  EXPIRES_AT,
  GENERATIONS,
  HEADER_WORDS,
  INDEXES,
  KEY,
  KEY_WORDS,
  LENGTHS,
  SEQUENCE,
  STORED_TICKS,
  emptyAfter,
  isLive,
  isPast,
  isSlotPast,
  isTaken,
  liveOf,
  takenBy,
} from "./slot.ts";

/*
 * Verified claims and principals, shared by all HTTP threads: fixed slots in buckets of four.
 *
 *   read  sequence live → copy → sequence unchanged → full key equal → not past on either clock →
 *         captured generations equal the current ones → hit; anything else is a miss
 *   fill  take by compare-exchange, with a bounded number of tries → write → release. The
 *         generations stored are those captured before the slow work, never the current ones
 *
 * A fill may be dropped; an invalidation never is: it touches no slot.
 */

/** What a slot keeps beside the payload. */
export interface TableEntry {
  /** Verified claims and principal; anything that msgpack can say. */
  readonly payload: unknown;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly deadlineTicks: number;
  readonly indexes: GenerationIndexes;
  readonly captured: Captured;
}

export interface FoundEntry extends TableEntry {
  /** False: the principal is stale, the verified claims still count. */
  readonly isCurrent: boolean;
}

/** `replaced`: stored, and a live entry of another token had to go. */
export type PutOutcome = "stored" | "replaced" | "too_large" | "contended";

export interface ClaimsTable {
  /** `digest`: at least 16 bytes over the whole token and the rule-set id. */
  get(digest: Uint8Array, nowSeconds: number, nowTicks: number): FoundEntry | undefined;
  put(digest: Uint8Array, entry: TableEntry, nowSeconds: number, nowTicks: number): PutOutcome;
}

export interface ClaimsTableOptions {
  readonly shared: SharedMemory & { readonly claims: SharedArrayBuffer };
  readonly generations: Generations;
  /** Spawn number of the calling thread: owner of the slots that it writes. */
  readonly owner: number;
}

/** Ranks of a slot for a fill: the lowest is taken. From 0 on it is the tick of storing. */
const OWN_KEY = -3;
const EMPTY = -2;
const PAST = -1;

/** One thread's view of the table. Not for two threads: it has a scratch copy of a slot. */
export function createClaimsTable({ shared, generations, owner }: ClaimsTableOptions): ClaimsTable {
  const words = new Int32Array(shared.claims);
  const slotWords = shared.claimsSlotBytes / Int32Array.BYTES_PER_ELEMENT;
  const { bucketSlots } = sharedMemoryLimits;
  const bucketWords = bucketSlots * slotWords;
  const bucketMask = words.length / bucketWords - 1;
  const payloadBytesMax = (slotWords - HEADER_WORDS) * Int32Array.BYTES_PER_ELEMENT;
  const scratch = new Int32Array(slotWords);
  const scratchBytes = new Uint8Array(scratch.buffer, HEADER_WORDS * Int32Array.BYTES_PER_ELEMENT);
  const key = new Int32Array(KEY_WORDS);
  // Plain maps: record definitions would have to be the same in every thread.
  const packr = new Packr({ useRecords: false });

  /** Sets `key` and tells the first word of its bucket. */
  function locate(digest: Uint8Array): number {
    for (let word = 0; word < KEY_WORDS; word++) key[word] = wordOf(digest, word * 4);
    return (key[0]! & bucketMask) * bucketWords;
  }

  /** Copies a slot into the scratch. False: nothing in it, or it was written meanwhile. */
  function copy(at: number): boolean {
    const sequence = Atomics.load(words, at + SEQUENCE);
    if (!isLive(sequence)) return false;
    // Most slots of a bucket belong to others: one word tells, and the copy is spared.
    if (Atomics.load(words, at + KEY) !== key[0]) return false;
    for (let word = BASE; word < HEADER_WORDS; word++) {
      scratch[word] = Atomics.load(words, at + word);
    }
    // A length that is torn may be anything.
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

  /** The entry in the scratch, unless its claims are stale too. */
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

  // A look without the sequence word: a wrong choice replaces another entry, and no answer.
  function rankOf(at: number, nowSeconds: number, nowTicks: number): number {
    const sequence = Atomics.load(words, at + SEQUENCE);
    if (isTaken(sequence)) return Infinity;
    if (!isLive(sequence)) return EMPTY;
    let equal = 0;
    while (equal < KEY_WORDS && Atomics.load(words, at + KEY + equal) === key[equal]) equal++;
    if (equal === KEY_WORDS) return OWN_KEY;
    if (isSlotPast(words, at, nowSeconds, nowTicks)) return PAST;
    return Atomics.load(words, at + STORED_TICKS) >>> 0;
  }

  /** Writes a slot that this thread has taken. */
  function write(at: number, entry: TableEntry, payload: Uint8Array, nowTicks: number): void {
    const count = entry.indexes.length;
    for (let word = 0; word < KEY_WORDS; word++) {
      Atomics.store(words, at + KEY + word, key[word]!);
    }
    Atomics.store(words, at + EXPIRES_AT, entry.expiresAt);
    Atomics.store(words, at + DEADLINE_TICKS, entry.deadlineTicks);
    Atomics.store(words, at + STORED_TICKS, nowTicks);
    Atomics.store(words, at + LENGTHS, payload.length | (count << 16));
    for (let place = 0; place < count; place++) {
      Atomics.store(words, at + INDEXES + place, entry.indexes[place]!);
      Atomics.store(words, at + GENERATIONS + place, entry.captured[place]!);
    }
    for (let byte = 0, word = at + HEADER_WORDS; byte < payload.length; byte += 4, word++) {
      Atomics.store(words, word, wordOf(payload, byte));
    }
  }

  return {
    get(digest, nowSeconds, nowTicks) {
      const bucket = locate(digest);
      let stale: FoundEntry | undefined;
      for (let at = bucket; at < bucket + bucketWords; at += slotWords) {
        if (!copy(at) || !isWanted()) continue;
        if (isPast(scratch[EXPIRES_AT]!, scratch[DEADLINE_TICKS]!, nowSeconds, nowTicks)) continue;
        // Two threads may have filled two slots with one key; a current one is wanted.
        const entry = open();
        if (entry?.isCurrent === true) return entry;
        stale ??= entry;
      }
      return stale;
    },
    put(digest, entry, nowSeconds, nowTicks) {
      const payload = packr.pack(entry.payload);
      if (payload.length > payloadBytesMax) return "too_large";
      const bucket = locate(digest);
      for (let attempt = 0; attempt < authCacheLimits.takeAttemptsMax; attempt++) {
        let at = -1;
        let rank = Infinity;
        for (let slot = bucket; slot < bucket + bucketWords; slot += slotWords) {
          const slotRank = rankOf(slot, nowSeconds, nowTicks);
          if (slotRank >= rank) continue;
          at = slot;
          rank = slotRank;
        }
        // Others write all four.
        if (at === -1) break;
        const sequence = Atomics.load(words, at + SEQUENCE);
        if (isTaken(sequence)) continue;
        const before = Atomics.compareExchange(words, at + SEQUENCE, sequence, takenBy(owner));
        if (before !== sequence) continue;
        write(at, entry, payload, nowTicks);
        const base = emptyAfter(sequence);
        Atomics.store(words, at + BASE, base);
        Atomics.store(words, at + SEQUENCE, liveOf(base));
        return rank >= 0 ? "replaced" : "stored";
      }
      return "contended";
    },
  };
}

/** Four bytes as a word, low byte first; past the end there are zeros. */
function wordOf(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}
