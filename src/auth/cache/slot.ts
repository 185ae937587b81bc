import { GENERATIONS_MAX } from "./generations.ts";

/*
 * A slot of the claims table: words in shared memory. Its states, by the sequence word (`base`
 * grows by 4 with every change):
 *
 *   empty    base        nothing in it; what memory starts as
 *   live     base + 2    may be read
 *   taken    spawn<<1|1  odd: the thread with this spawn number is writing, and nobody reads
 *
 *   empty, live ──take: compare-exchange──▶ taken ──release──▶ live
 *                                             └──freeOwnedBy, by main──▶ empty
 *   live ──sweep: compare-exchange──▶ empty
 *
 * The odd value names its owner, so there is no moment in which a dead owner is unknown. BASE
 * keeps the number to go on from; only the owner writes it, before it releases.
 *
 * A reader copies the slot between two looks at the sequence word. An equal live word means that
 * nobody wrote meanwhile: the same one comes again after 2^30 writes only.
 */

export const SEQUENCE = 0;
export const BASE = 1;
/** 128 bits of SHA-256. */
export const KEY = 2;
export const KEY_WORDS = 4;
/** `exp`, seconds since the epoch. */
export const EXPIRES_AT = 6;
export const DEADLINE_TICKS = 7;
export const STORED_TICKS = 8;
/** Payload bytes in the low half, number of generations in the high one. */
export const LENGTHS = 9;
export const INDEXES = 10;
export const GENERATIONS = INDEXES + GENERATIONS_MAX;
export const HEADER_WORDS = GENERATIONS + GENERATIONS_MAX;

const STATE_MASK = 3;
const LIVE = 2;
const STEP = 4;

export function isLive(sequence: number): boolean {
  return (sequence & STATE_MASK) === LIVE;
}

export function isTaken(sequence: number): boolean {
  return (sequence & 1) === 1;
}

/** The sequence word of a slot that the thread with this spawn number is writing. */
export function takenBy(spawn: number): number {
  return (spawn << 1) | 1;
}

/** The empty word after an empty or live one, or after a BASE. */
export function emptyAfter(sequence: number): number {
  return ((sequence & ~STATE_MASK) + STEP) | 0;
}

/** The live word with this base. */
export function liveOf(base: number): number {
  return base | LIVE;
}

/** True when the entry of the slot at `at` is past on either clock. */
export function isSlotPast(
  words: Int32Array,
  at: number,
  nowSeconds: number,
  nowTicks: number,
): boolean {
  const expiresAt = Atomics.load(words, at + EXPIRES_AT);
  return isPast(expiresAt, Atomics.load(words, at + DEADLINE_TICKS), nowSeconds, nowTicks);
}

/** Both ends are unsigned words. */
export function isPast(
  expiresAt: number,
  deadlineTicks: number,
  nowSeconds: number,
  nowTicks: number,
): boolean {
  return nowSeconds >= expiresAt >>> 0 || nowTicks >= deadlineTicks >>> 0;
}

/** What fits into a slot beside its header. */
export function payloadBytesMax(slotWords: number): number {
  return (slotWords - HEADER_WORDS) * Int32Array.BYTES_PER_ELEMENT;
}

/** Four bytes as a word, low byte first; past the end there are zeros. */
export function wordOf(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}
