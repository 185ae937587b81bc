import type { Clock } from "../platform/clock.ts";
import { createKeyedHash } from "../platform/keyed-hash.ts";
import { rateCellLimits } from "../platform/limits.ts";
import { controlWords, type SharedMemory } from "../platform/shared-memory.ts";

/*
 * GCRA (ITU-T I.371): per caller one number, the theoretical arrival time. A request moves it one
 * interval ahead; a request that would move it further than the window ahead of now is refused.
 *
 * A shared cell is 64 bits, a 32-bit tag of the caller over a 32-bit arrival time, and is replaced
 * by one compare-exchange. A cell whose time has passed says nothing and is free for anybody; a
 * live cell of another caller is never touched. A caller who finds its bucket full of others is
 * counted by its thread alone.
 *
 * Ticks are 1/65536 s here: at 1/32 s one request of 50/second would be less than a tick. They
 * come round after 18 h, so once an hour somebody's `take` frees the cells that are past, before
 * their times can look like the future.
 */

export interface RateLimit {
  readonly count: number;
  readonly seconds: number;
}

export interface RateVerdict {
  readonly allowed: boolean;
  readonly limit: number;
  /** Requests that would be allowed now. */
  readonly remaining: number;
  /** Whole seconds until everything is allowed again. */
  readonly resetSeconds: number;
  /** Whole seconds until a refused request may come again; 0 when allowed. */
  readonly retryAfterSeconds: number;
}

export interface RateLimiter {
  /** `key`: who is counted, with the limit's name in it when there are several limits. */
  take(key: string, cost?: number): RateVerdict;
  /** Gives back one request that was taken just now and is another's to pay. */
  give(key: string): void;
  /** Others took so much of this budget that it is whole again in `aheadSeconds` only. */
  raise(key: string, aheadSeconds: number): void;
  /** `localEntries`: callers that this thread counts alone. */
  stats(): { localEntries: number; fallbacks: number };
}

export interface RateLimiterOptions {
  /** Without it every caller is counted by this thread alone. */
  readonly shared?: SharedMemory | undefined;
  readonly limit: RateLimit;
  readonly clock: Clock;
}

const { bucketCells, ticksPerSecond, exchangeAttemptsMax } = rateCellLimits;
/** Taking nothing and finding no place are told from arrival times by their sign. */
/** Which half of a cell is which, by the order of bytes of this machine. */
const [TIME_HALF, TAG_HALF] =
  new Int32Array(new BigInt64Array([1n]).buffer)[0] === 1 ? [0, 1] : [1, 0];
const REFUSED = -1;
const NO_CELL = -2;

/** @throws RangeError for a limit that the cells cannot hold */
export function createRateLimiter({ shared, limit, clock }: RateLimiterOptions): RateLimiter {
  const { count, seconds } = limit;
  if (!(count >= 1 && seconds > 0)) throw new RangeError("an empty rate limit");
  if (seconds > rateCellLimits.windowSecondsMax) throw new RangeError("the window is too long");
  // Whole ticks, so that nothing adds up: 600/minute is off by 0.006 %, 1000/second by 0.7 %.
  const intervalTicks = Math.max(1, Math.round((seconds * ticksPerSecond) / count));
  const windowTicks = intervalTicks * count;
  const originMs = shared?.madeMonotonicMs ?? clock.monotonicMs();
  const local = createLocalTimes();
  const cells = shared === undefined ? undefined : createCells(shared);
  let fallbacks = 0;

  function verdict(nowTicks: number, arrivalTicks: number, refusedCost: number): RateVerdict {
    const ahead = Math.max(0, arrivalTicks - nowTicks);
    const wait = refusedCost === 0 ? 0 : ahead + refusedCost * intervalTicks - windowTicks;
    return {
      allowed: refusedCost === 0,
      limit: count,
      remaining: Math.floor((windowTicks - ahead) / intervalTicks),
      resetSeconds: Math.ceil(ahead / ticksPerSecond),
      retryAfterSeconds: Math.ceil(wait / ticksPerSecond),
    };
  }

  const ticksNow = () => Math.floor(((clock.monotonicMs() - originMs) * ticksPerSecond) / 1000);

  function move(key: string, nowTicks: number, step: Step): Outcome {
    // Whoever is counted here stays here until that is past.
    const known = local.get(key) ?? 0;
    let outcome = known > nowTicks ? undefined : cells?.move(key, nowTicks, step);
    if (outcome?.next === NO_CELL) {
      fallbacks++;
      outcome = undefined;
    }
    if (outcome === undefined) {
      outcome = { previous: known, next: step(known) };
      if (outcome.next !== REFUSED) local.set(key, outcome.next, nowTicks);
    }
    return outcome;
  }

  return {
    take(key, cost = 1) {
      const nowTicks = ticksNow();
      const outcome = move(key, nowTicks, (arrivalTicks) => {
        const next = Math.max(arrivalTicks, nowTicks) + cost * intervalTicks;
        return next - nowTicks > windowTicks ? REFUSED : next;
      });
      return outcome.next === REFUSED
        ? verdict(nowTicks, outcome.previous, cost)
        : verdict(nowTicks, outcome.next, 0);
    },
    give(key) {
      const nowTicks = ticksNow();
      move(key, nowTicks, (arrivalTicks) =>
        // What is past is whole. Moved on and on, it would come round and look like the future.
        arrivalTicks <= nowTicks ? REFUSED : arrivalTicks - intervalTicks,
      );
    },
    raise(key, aheadSeconds) {
      const nowTicks = ticksNow();
      const aheadTicks = Math.min(windowTicks, Math.floor(aheadSeconds * ticksPerSecond));
      move(key, nowTicks, (arrivalTicks) => Math.max(arrivalTicks, nowTicks + aheadTicks));
    },
    stats: () => ({ localEntries: local.size(), fallbacks }),
  };
}

/** From an arrival time to the next one, or REFUSED. Absolute ticks. */
type Step = (arrivalTicks: number) => number;

interface Outcome {
  readonly previous: number;
  readonly next: number;
}

function createCells(shared: SharedMemory) {
  const cells = new BigInt64Array(shared.rates);
  // The same memory by halves: looking a cell over makes no big integers. What is found this way
  // is only a hint; the whole cell is read again before it is moved.
  const halves = new Int32Array(shared.rates);
  const placeOf = createPlaces(shared);
  const sweep = createSweep(shared, cells);
  const cell = createCell();

  /** Its cell, else one that is free, else -1. */
  function find(first: number, tag: number, nowTicks: number): number {
    let free = -1;
    for (let index = first; index < first + bucketCells; index++) {
      const found = Atomics.load(halves, 2 * index + TAG_HALF);
      if (found === tag) return index;
      if (free === -1 && (found === 0 || isPast(index, nowTicks))) free = index;
    }
    return free;
  }

  function isPast(index: number, nowTicks: number): boolean {
    return ((Atomics.load(halves, 2 * index + TIME_HALF) - nowTicks) | 0) <= 0;
  }

  return {
    move(key: string, nowTicks: number, step: Step): Outcome {
      sweep(nowTicks);
      const { tag, first } = placeOf(key);
      for (let attempt = 0; attempt < exchangeAttemptsMax; attempt++) {
        const index = find(first, tag, nowTicks);
        if (index === -1) break;
        const seen = Atomics.load(cells, index);
        cell.open(seen);
        const previous = cell.tag() === 0 ? nowTicks : cell.arrival(nowTicks);
        // Somebody else took the free cell since: it is live and not ours to charge.
        if (cell.tag() !== tag && previous > nowTicks) continue;
        const next = step(previous);
        if (next === REFUSED) return { previous, next };
        if (Atomics.compareExchange(cells, index, seen, cell.pack(tag, next)) === seen) {
          return { previous, next };
        }
      }
      return { previous: nowTicks, next: NO_CELL };
    },
  };
}

interface Place {
  readonly tag: number;
  /** First cell of the bucket. */
  readonly first: number;
}

/** Where a caller is counted. Remembered for a while: the same callers come again and again. */
function createPlaces(shared: SharedMemory): (key: string) => Place {
  const hash = createKeyedHash(shared.hashKey);
  const buckets = shared.rates.byteLength / BigInt64Array.BYTES_PER_ELEMENT / bucketCells;
  const known = new Map<string, Place>();
  return (key) => {
    let place = known.get(key);
    if (place === undefined) {
      hash.digest(key);
      // A tag is never 0, so that an empty cell is nobody's.
      const tag = hash.high() === 0 ? 1 : hash.high();
      place = { tag, first: ((hash.low() >>> 0) % buckets) * bucketCells };
      if (known.size >= rateCellLimits.placesMax) known.clear();
      known.set(key, place);
    }
    return place;
  };
}

/** Takes 64 bits apart and puts them together; shifting big integers would cost much more. */
function createCell() {
  const whole = new BigInt64Array(1);
  const halves = new Int32Array(whole.buffer);
  return {
    open: (value: bigint) => void (whole[0] = value),
    tag: () => halves[TAG_HALF]!,
    /** 32 bits are kept; the rest is that of a moment near now. */
    arrival: (nowTicks: number) => nowTicks + ((halves[TIME_HALF]! - nowTicks) | 0),
    pack(tag: number, arrivalTicks: number): bigint {
      halves[TIME_HALF] = arrivalTicks;
      halves[TAG_HALF] = tag;
      return whole[0]!;
    },
  };
}

function createSweep(shared: SharedMemory, cells: BigInt64Array) {
  const control = new Int32Array(shared.control);
  const cell = createCell();
  const { sweepEverySeconds, windowSecondsMax } = rateCellLimits;

  return (nowTicks: number): void => {
    const nowSeconds = Math.floor(nowTicks / ticksPerSecond);
    const swept = Atomics.load(control, controlWords.ratesSweptSeconds);
    const idleSeconds = nowSeconds - swept;
    if (idleSeconds < sweepEverySeconds) return;
    const word = controlWords.ratesSweptSeconds;
    if (Atomics.compareExchange(control, word, swept, nowSeconds) !== swept) return;
    // Nobody took anything for so long that no cell is live, whatever its time looks like.
    const isAllPast = idleSeconds > sweepEverySeconds + windowSecondsMax;
    for (let index = 0; index < cells.length; index++) {
      const seen = Atomics.load(cells, index);
      cell.open(seen);
      if (isAllPast || cell.arrival(nowTicks) <= nowTicks) {
        Atomics.compareExchange(cells, index, seen, 0n);
      }
    }
  };
}

/** Arrival times of this thread's own callers; the least recently moved goes when it is full. */
function createLocalTimes() {
  const times = new Map<string, number>();
  return {
    get: (key: string) => times.get(key),
    size: () => times.size,
    set(key: string, arrivalTicks: number, nowTicks: number): void {
      times.delete(key);
      times.set(key, arrivalTicks);
      for (const [oldest, arrival] of times) {
        if (arrival > nowTicks && times.size <= rateCellLimits.localEntriesMax) break;
        times.delete(oldest);
      }
    },
  };
}
