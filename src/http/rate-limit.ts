import type { Clock } from "../platform/clock.ts";
import { createKeyedHash } from "../platform/keyed-hash.ts";
import { rateCellLimits } from "../platform/limits.ts";
import { controlWords, ticksNow, type SharedMemory } from "../platform/shared-memory.ts";

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
const REFUSED = -1;
const NO_CELL = -2;

/** @throws RangeError for a limit that the cells cannot hold */
export function createRateLimiter({ shared, limit, clock }: RateLimiterOptions): RateLimiter {
  if (!(limit.count >= 1 && limit.seconds > 0)) throw new RangeError("an empty rate limit");
  if (limit.seconds > rateCellLimits.windowSecondsMax) throw new RangeError("the window is long");
  const windowTicks = Math.round(limit.seconds * ticksPerSecond);
  const intervalTicks = windowTicks / limit.count;
  const originMs = shared?.madeMonotonicMs ?? clock.monotonicMs();
  const local = createLocalTimes();
  const cells = shared === undefined ? undefined : createCells(shared, clock);
  let fallbacks = 0;

  function verdict(nowTicks: number, arrivalTicks: number, refusedCost: number): RateVerdict {
    const ahead = Math.max(0, arrivalTicks - nowTicks);
    const wait = refusedCost === 0 ? 0 : ahead + refusedCost * intervalTicks - windowTicks;
    return {
      allowed: refusedCost === 0,
      limit: limit.count,
      remaining: Math.max(0, Math.floor((windowTicks - ahead) / intervalTicks + 1e-6)),
      resetSeconds: Math.ceil(ahead / ticksPerSecond),
      retryAfterSeconds: Math.ceil(wait / ticksPerSecond),
    };
  }

  return {
    take(key, cost = 1) {
      const nowTicks = Math.floor(((clock.monotonicMs() - originMs) * ticksPerSecond) / 1000);
      const step: Step = (arrivalTicks) => {
        const next = Math.max(arrivalTicks, nowTicks) + cost * intervalTicks;
        // Half a tick of tolerance: a cell holds whole ticks.
        return next - nowTicks > windowTicks + 0.5 ? REFUSED : Math.round(next);
      };
      let outcome: Outcome | undefined;
      const known = local.get(key);
      if (cells !== undefined && !(known !== undefined && known > nowTicks)) {
        outcome = cells.move(key, nowTicks, step);
        if (outcome.next === NO_CELL) fallbacks++;
      }
      if (outcome === undefined || outcome.next === NO_CELL) {
        const previous = known ?? 0;
        outcome = { previous, next: step(previous) };
        if (outcome.next !== REFUSED) local.set(key, outcome.next, nowTicks);
      }
      return outcome.next === REFUSED
        ? verdict(nowTicks, outcome.previous, cost)
        : verdict(nowTicks, outcome.next, 0);
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

function createCells(shared: SharedMemory, clock: Clock) {
  const cells = new BigInt64Array(shared.rates);
  const hash = createKeyedHash(shared.hashKey);
  const buckets = cells.length / bucketCells;
  const sweep = createSweep(shared, clock, cells);

  /** Its cell, else one that is free, else -1. `found` keeps what stood in it. */
  let found = 0n;
  function find(first: number, tag: number, nowTicks: number): number {
    let free = -1;
    let freeCell = 0n;
    for (let index = first; index < first + bucketCells; index++) {
      const cell = Atomics.load(cells, index);
      if (Number(cell >> 32n) === tag) {
        found = cell;
        return index;
      }
      if (free === -1 && (cell === 0n || arrivalOf(cell, nowTicks) <= nowTicks)) {
        free = index;
        freeCell = cell;
      }
    }
    found = freeCell;
    return free;
  }

  return {
    move(key: string, nowTicks: number, step: Step): Outcome {
      sweep(nowTicks);
      hash.digest(key);
      // A tag is never 0, so that an empty cell is nobody's.
      const tag = hash.high() === 0 ? 1 : hash.high();
      const first = ((hash.low() >>> 0) % buckets) * bucketCells;
      for (let attempt = 0; attempt < exchangeAttemptsMax; attempt++) {
        const index = find(first, tag, nowTicks);
        if (index === -1) break;
        const cell = found;
        const isOwn = Number(cell >> 32n) === tag;
        const previous = isOwn ? arrivalOf(cell, nowTicks) : nowTicks;
        const next = step(previous);
        if (next === REFUSED) return { previous, next };
        const packed = (BigInt(tag) << 32n) | BigInt(next >>> 0);
        if (Atomics.compareExchange(cells, index, cell, packed) === cell) {
          return { previous, next };
        }
      }
      return { previous: nowTicks, next: NO_CELL };
    },
  };
}

/** The cell keeps 32 bits; the rest is that of a moment near now. */
function arrivalOf(cell: bigint, nowTicks: number): number {
  return nowTicks + ((Number(cell & 0xffff_ffffn) - nowTicks) | 0);
}

function createSweep(shared: SharedMemory, clock: Clock, cells: BigInt64Array) {
  const control = new Int32Array(shared.control);
  // Ticks of 1/32 s: these do not come round.
  const every = rateCellLimits.sweepEverySeconds * 32;
  // Nobody took anything for this long: no cell is live, whatever its time looks like.
  const allPast = rateCellLimits.windowSecondsMax * 32;

  return (nowTicks: number): void => {
    const swept = Atomics.load(control, controlWords.ratesSwept);
    const now = Math.floor((nowTicks / ticksPerSecond) * 32);
    if (now - swept < every) return;
    if (Atomics.compareExchange(control, controlWords.ratesSwept, swept, now) !== swept) return;
    const everything = ticksNow(shared, clock) - swept > allPast + every;
    for (let index = 0; index < cells.length; index++) {
      const cell = Atomics.load(cells, index);
      if (cell === 0n) continue;
      if (everything || arrivalOf(cell, nowTicks) <= nowTicks) {
        Atomics.compareExchange(cells, index, cell, 0n);
      }
    }
  };
}

/** Arrival times of this thread's own callers; the oldest goes when it is full. */
function createLocalTimes() {
  const times = new Map<string, number>();
  return {
    get: (key: string) => times.get(key),
    size: () => times.size,
    set(key: string, arrivalTicks: number, nowTicks: number): void {
      times.delete(key);
      times.set(key, arrivalTicks);
      // Least recently moved first: what is past goes, and one more when that is not enough.
      for (const [oldest, arrival] of times) {
        if (arrival > nowTicks && times.size <= rateCellLimits.localEntriesMax) break;
        times.delete(oldest);
      }
    },
  };
}
