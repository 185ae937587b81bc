import { sharedMemoryLimits } from "../../platform/limits.ts";
import type { TableEntry } from "./claims-table.ts";
import {
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
  isLive,
  isSlotPast,
  isTaken,
  wordOf,
} from "./slot.ts";

interface Bucket {
  readonly words: Int32Array;
  /** Its first word. */
  readonly at: number;
  readonly slotWords: number;
}

/** Ranks of a slot for a fill: the lowest is taken. From 0 on it is the tick of storing. */
const OWN_KEY = -3;
const EMPTY = -2;
const PAST = -1;

/**
 * The slot for `key`: its own, else an empty one, else one that is past, else the oldest; -1 when
 * others write all of them.
 */
export function chooseSlot(
  bucket: Bucket,
  key: Int32Array,
  nowSeconds: number,
  nowTicks: number,
): { at: number; isReplacing: boolean } {
  let chosen = -1;
  let lowest = Infinity;
  for (let slot = 0; slot < sharedMemoryLimits.bucketSlots; slot++) {
    const at = bucket.at + slot * bucket.slotWords;
    const rank = rankOf(bucket.words, at, key, nowSeconds, nowTicks);
    if (rank >= lowest) continue;
    chosen = at;
    lowest = rank;
  }
  return { at: chosen, isReplacing: lowest >= 0 };
}

// Looks once at the sequence word: a wrong choice replaces another entry, and gives no answer.
function rankOf(
  words: Int32Array,
  at: number,
  key: Int32Array,
  nowSeconds: number,
  nowTicks: number,
): number {
  const sequence = Atomics.load(words, at + SEQUENCE);
  if (isTaken(sequence)) return Infinity;
  if (!isLive(sequence)) return EMPTY;
  let equal = 0;
  while (equal < KEY_WORDS && Atomics.load(words, at + KEY + equal) === key[equal]) equal++;
  if (equal === KEY_WORDS) return OWN_KEY;
  if (isSlotPast(words, at, nowSeconds, nowTicks)) return PAST;
  return Atomics.load(words, at + STORED_TICKS) >>> 0;
}

/** Writes everything but the sequence words of a slot that this thread has taken. */
export function writeSlot(
  words: Int32Array,
  at: number,
  key: Int32Array,
  entry: Omit<TableEntry, "payload">,
  payload: Uint8Array,
  nowTicks: number,
): void {
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
