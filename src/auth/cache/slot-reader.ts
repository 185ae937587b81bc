import type { Captured, GenerationIndexes } from "./generations.ts";
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
  isLive,
  payloadBytesMax,
} from "./slot.ts";

/** Reads slots into a copy of its own; what it tells is of the last copy. */
export interface SlotReader {
  /** True when the slot at `at` holds `key` and nobody wrote it while it was copied. */
  copy(at: number, key: Int32Array): boolean;
  expiresAt(): number;
  deadlineTicks(): number;
  /** Made anew. */
  generations(): { indexes: GenerationIndexes; captured: Captured };
  /** A view of the copy: good until the next one. */
  payload(): Uint8Array;
}

export function createSlotReader(words: Int32Array, slotWords: number): SlotReader {
  const scratch = new Int32Array(slotWords);
  const bytesMax = payloadBytesMax(slotWords);
  const payloadStart = HEADER_WORDS * Int32Array.BYTES_PER_ELEMENT;
  const payloadBytes = new Uint8Array(scratch.buffer, payloadStart);
  const lengthOf = (): number => scratch[LENGTHS]! & 0xffff;

  return {
    copy(at, key) {
      const sequence = Atomics.load(words, at + SEQUENCE);
      if (!isLive(sequence)) return false;
      // Most slots of a bucket belong to others: one word tells, and the copy is spared.
      if (Atomics.load(words, at + KEY) !== key[0]) return false;
      for (let word = BASE; word < HEADER_WORDS; word++) {
        scratch[word] = Atomics.load(words, at + word);
      }
      // A torn length may be anything.
      const end = HEADER_WORDS + ((Math.min(lengthOf(), bytesMax) + 3) >> 2);
      for (let word = HEADER_WORDS; word < end; word++) {
        scratch[word] = Atomics.load(words, at + word);
      }
      if (Atomics.load(words, at + SEQUENCE) !== sequence) return false;
      for (let word = 0; word < KEY_WORDS; word++) {
        if (scratch[KEY + word] !== key[word]) return false;
      }
      return true;
    },
    expiresAt: () => scratch[EXPIRES_AT]! >>> 0,
    deadlineTicks: () => scratch[DEADLINE_TICKS]! >>> 0,
    generations() {
      const count = scratch[LENGTHS]! >>> 16;
      return {
        indexes: Uint16Array.from(scratch.subarray(INDEXES, INDEXES + count)),
        captured: scratch.slice(GENERATIONS, GENERATIONS + count),
      };
    },
    payload: () => payloadBytes.subarray(0, lengthOf()),
  };
}
