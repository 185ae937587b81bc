import { randomBytes } from "node:crypto";
import { systemClock, type Clock } from "./clock.ts";
import { rateCellLimits, sharedMemoryLimits } from "./limits.ts";

/**
 * The memory that all threads of this process share: made once by main, handed to every thread in
 * `workerData`. Plain buffers and numbers, so that the structured clone passes it on. Every word
 * is read and written with `Atomics`: JavaScript has no fence, and plain reads between two atomic
 * ones may be moved. Nobody ever waits on a word.
 */
export interface SharedMemory {
  /** HTTP threads, each with its slot for a heartbeat and a connection count. */
  readonly threads: number;
  /** Key of the hashes that pick words and buckets, random per process. */
  readonly hashKey: readonly [number, number];
  /** When this was made, on both clocks, milliseconds. Ticks count from here. */
  readonly madeMonotonicMs: number;
  readonly madeWallMs: number;
  /** Heartbeats, connection counts, drain word, spawn counter, lease: see `controlWords`. */
  readonly control: SharedArrayBuffer;
  /** Generation counters, 2^16 words. */
  readonly generations: SharedArrayBuffer;
  /** Claims table; undefined with one HTTP thread, which needs nobody else's claims. */
  readonly claims: SharedArrayBuffer | undefined;
  readonly claimsSlotBytes: number;
  /** Rate cells, 64 bits each. */
  readonly rates: SharedArrayBuffer;
}

/** Places of words in `control`. Per-thread words follow the fixed ones. */
export const controlWords = Object.freeze({
  mainHeartbeat: 0,
  draining: 1,
  lastSpawn: 2,
  leaseMonotonic: 3,
  leaseWall: 4,
  leaseTicks: 5,
  ratesSweptSeconds: 6,
  passwordTasks: 7,
  perThread: 8,
});

const WORD_BYTES = 4;
const WORDS_PER_THREAD = 2;

export interface SharedMemoryOptions {
  readonly httpThreads: number;
  /** Slots of the claims table; rounded up to a power of two. */
  readonly authCacheSlots: number;
  readonly claimsSlotBytes?: number;
  readonly rateCells?: number;
  readonly clock?: Clock;
}

/** Allocates everything; the sizes never change afterwards. */
export function createSharedMemory(options: SharedMemoryOptions): SharedMemory {
  const { httpThreads, authCacheSlots, clock = systemClock } = options;
  const slotBytes = options.claimsSlotBytes ?? sharedMemoryLimits.claimsSlotBytes;
  const slots = powerOfTwo(Math.max(sharedMemoryLimits.bucketSlots, authCacheSlots));
  const rateCells = powerOfTwo(options.rateCells ?? rateCellLimits.cells);
  const random = randomBytes(8);
  return Object.freeze({
    threads: httpThreads,
    hashKey: [random.readInt32LE(0), random.readInt32LE(4)] as const,
    madeMonotonicMs: clock.monotonicMs(),
    madeWallMs: clock.nowMs(),
    control: words(controlWords.perThread + httpThreads * WORDS_PER_THREAD),
    generations: words(sharedMemoryLimits.generationWords),
    claims: httpThreads < 2 ? undefined : new SharedArrayBuffer(slots * slotBytes),
    claimsSlotBytes: slotBytes,
    rates: words(rateCells * 2),
  });
}

function words(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count * WORD_BYTES);
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}

/**
 * Ticks of 1/32 s since the memory was made, rounded up: "now" is never earlier than it is, as
 * deadlines (`deadlineTicks`) are never later. Unsigned 32 bits last for four years.
 */
export function ticksNow(shared: SharedMemory, clock: Clock = systemClock): number {
  return Math.ceil(
    ((clock.monotonicMs() - shared.madeMonotonicMs) * sharedMemoryLimits.ticksPerSecond) / 1000,
  );
}

/** The tick of a moment on the monotonic clock, rounded down: for deadlines. */
export function deadlineTicks(shared: SharedMemory, monotonicMs: number): number {
  return Math.floor(
    ((monotonicMs - shared.madeMonotonicMs) * sharedMemoryLimits.ticksPerSecond) / 1000,
  );
}

/** A word that counts the turns of one thread, so that another one sees that it lives. */
export interface Heartbeat {
  beat(): void;
  read(): number;
}

/** `slot`: the place of an HTTP thread, or "main". */
export function heartbeat(shared: SharedMemory, slot: number | "main"): Heartbeat {
  const view = new Int32Array(shared.control);
  const index = slot === "main" ? controlWords.mainHeartbeat : threadWord(shared, slot);
  return {
    beat: () => void Atomics.add(view, index, 1),
    read: () => Atomics.load(view, index),
  };
}

/** Open connections of one HTTP thread, and the mean over all of them. */
export interface ConnectionCount {
  add(connections: number): void;
  read(): number;
  mean(): number;
  /** For the successor of a dead thread: its connections died with it. */
  reset(): void;
}

export function connections(shared: SharedMemory, slot: number): ConnectionCount {
  const view = new Int32Array(shared.control);
  const index = threadWord(shared, slot) + 1;
  return {
    add: (count) => void Atomics.add(view, index, count),
    read: () => Atomics.load(view, index),
    mean() {
      let sum = 0;
      for (let thread = 0; thread < shared.threads; thread++) {
        sum += Atomics.load(view, threadWord(shared, thread) + 1);
      }
      return sum / shared.threads;
    },
    reset: () => void Atomics.store(view, index, 0),
  };
}

function threadWord(shared: SharedMemory, slot: number): number {
  if (!Number.isInteger(slot) || slot < 0 || slot >= shared.threads) {
    throw new RangeError(`there is no thread slot ${slot}`);
  }
  return controlWords.perThread + slot * WORDS_PER_THREAD;
}

/** The word that says: this process takes no new work. It is never taken back. */
export function draining(shared: SharedMemory): { begin(): void; isDraining(): boolean } {
  const view = new Int32Array(shared.control);
  return {
    begin: () => void Atomics.store(view, controlWords.draining, 1),
    isDraining: () => Atomics.load(view, controlWords.draining) === 1,
  };
}

/** Password tasks that run and wait, of all threads together: written by main, read by everybody. */
export function passwordTasks(shared: SharedMemory): {
  write(count: number): void;
  read(): number;
} {
  const view = new Int32Array(shared.control);
  return {
    write: (count) => void Atomics.store(view, controlWords.passwordTasks, count),
    read: () => Atomics.load(view, controlWords.passwordTasks),
  };
}

/** A number for the start of a thread, from 1 on, never used again in this process. */
export function nextSpawn(shared: SharedMemory): number {
  return Atomics.add(new Int32Array(shared.control), controlWords.lastSpawn, 1) + 1;
}
