import { Packr } from "msgpackr";
import { authCacheLimits, sharedMemoryLimits } from "../../platform/limits.ts";
import type { SharedMemory } from "../../platform/shared-memory.ts";
import type { Captured, GenerationIndexes, Generations } from "./generations.ts";
import { createSlotReader, type SlotReader } from "./slot-reader.ts";
import { chooseSlot, writeSlot } from "./slot-writer.ts";
import {
  BASE,
  KEY_WORDS,
  SEQUENCE,
  emptyAfter,
  isPast,
  isTaken,
  liveOf,
  payloadBytesMax,
  takenBy,
  wordOf,
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

/** One thread's view of the table. Not for two threads: it has a scratch copy of a slot. */
export function createClaimsTable({ shared, generations, owner }: ClaimsTableOptions): ClaimsTable {
  const words = new Int32Array(shared.claims);
  const slotWords = shared.claimsSlotBytes / Int32Array.BYTES_PER_ELEMENT;
  const bucketWords = sharedMemoryLimits.bucketSlots * slotWords;
  const bucketMask = words.length / bucketWords - 1;
  const reader = createSlotReader(words, slotWords);
  const key = new Int32Array(KEY_WORDS);
  // Plain maps: record definitions would have to be the same in every thread.
  const packr = new Packr({ useRecords: false });

  /** Sets `key` and tells the first word of its bucket. */
  function locate(digest: Uint8Array): number {
    for (let word = 0; word < KEY_WORDS; word++) key[word] = wordOf(digest, word * 4);
    return (key[0]! & bucketMask) * bucketWords;
  }

  return {
    get(digest, nowSeconds, nowTicks) {
      const bucket = locate(digest);
      let stale: FoundEntry | undefined;
      for (let at = bucket; at < bucket + bucketWords; at += slotWords) {
        if (!reader.copy(at, key)) continue;
        if (isPast(reader.expiresAt(), reader.deadlineTicks(), nowSeconds, nowTicks)) continue;
        // Two threads may have filled two slots with one key; a current one is wanted.
        const entry = open(reader, generations, packr);
        if (entry?.isCurrent === true) return entry;
        stale ??= entry;
      }
      return stale;
    },
    put(digest, entry, nowSeconds, nowTicks) {
      const payload = packr.pack(entry.payload);
      if (payload.length > payloadBytesMax(slotWords)) return "too_large";
      const bucket = { words, at: locate(digest), slotWords };
      for (let attempt = 0; attempt < authCacheLimits.takeAttemptsMax; attempt++) {
        const { at, isReplacing } = chooseSlot(bucket, key, nowSeconds, nowTicks);
        // Others write all four.
        if (at === -1) break;
        const sequence = Atomics.load(words, at + SEQUENCE);
        if (isTaken(sequence)) continue;
        const before = Atomics.compareExchange(words, at + SEQUENCE, sequence, takenBy(owner));
        if (before !== sequence) continue;
        writeSlot(words, at, key, entry, payload, nowTicks);
        const base = emptyAfter(sequence);
        Atomics.store(words, at + BASE, base);
        Atomics.store(words, at + SEQUENCE, liveOf(base));
        return isReplacing ? "replaced" : "stored";
      }
      return "contended";
    },
  };
}

/** The entry that the reader copied, unless its claims are stale too. */
function open(reader: SlotReader, generations: Generations, packr: Packr): FoundEntry | undefined {
  const { indexes, captured } = reader.generations();
  const isCurrent = generations.current(indexes, captured);
  if (!isCurrent && !generations.claimsCurrent(indexes, captured)) return undefined;
  return {
    payload: packr.unpack(reader.payload()),
    expiresAt: reader.expiresAt(),
    deadlineTicks: reader.deadlineTicks(),
    indexes,
    captured,
    isCurrent,
  };
}
