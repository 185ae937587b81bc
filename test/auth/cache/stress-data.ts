import type { SharedWithTable } from "./fixtures.ts";

export const KEYS = 200;
/** Slots of the table: a third of the keys fits. */
export const SLOTS = 64;

/** Places in the shared words of a stress test. */
export const STRESS_WORDS = { go: 0, record: 1, finished: 1 + KEYS, size: 1 + 2 * KEYS } as const;

export const RESULTS = [
  "hits",
  "claimsOnly",
  "misses",
  "fills",
  "contended",
  "invalidations",
  "faults",
] as const;
export type StressResult = Record<(typeof RESULTS)[number], number>;

/** What a stress thread is started with. */
export interface StressData {
  readonly entry: string;
  readonly shared: SharedWithTable;
  readonly truth: SharedArrayBuffer;
  /** One word per field of `RESULTS`. */
  readonly results: SharedArrayBuffer;
  readonly spawn: number;
  readonly operations: number;
  readonly seed: number;
  readonly diesWriting: boolean;
}

/** A torn read shows: every mark is the version. */
export interface StressPayload {
  readonly key: number;
  readonly version: number;
  readonly marks: readonly number[];
}
