import type { Clock } from "../../platform/clock.ts";
import { sharedMemoryLimits } from "../../platform/limits.ts";
import {
  controlWords,
  deadlineTicks,
  ticksNow,
  type SharedMemory,
} from "../../platform/shared-memory.ts";

/**
 * Until when the invalidation log is known to be read. Main grants after each poll that it has
 * applied; every thread asks. Two clocks, because the monotonic one may stand still while the
 * machine sleeps and the wall clock may be set back.
 */
export interface Lease {
  /** `sent…Ms`: both clocks when the read of the log was *sent*. Only main calls this. */
  grant(sentMonotonicMs: number, sentWallMs: number, leaseMs: number): void;
  /** True before both ends. `staleMs` replaces the granted length, from the same start. */
  holds(staleMs?: number): boolean;
  /** Ends it at once. */
  revoke(): void;
}

const TICKS_MAX = 2 ** 31 - 1;

export function createLease(shared: SharedMemory, clock: Clock): Lease {
  const words = new Int32Array(shared.control);
  const { leaseMonotonic, leaseWall, leaseTicks } = controlWords;

  // Rounded as deadlines and "now" are: down for the start, up for the present.
  const wallTicks = (wallMs: number, round: (value: number) => number): number => {
    const ticks = round(((wallMs - shared.madeWallMs) * sharedMemoryLimits.ticksPerSecond) / 1000);
    return Math.max(-TICKS_MAX, Math.min(TICKS_MAX, ticks));
  };
  const lengthTicks = (milliseconds: number): number =>
    Math.floor((milliseconds * sharedMemoryLimits.ticksPerSecond) / 1000);

  return {
    // A reader between two of these stores sees the start of one true grant on each clock.
    grant(sentMonotonicMs, sentWallMs, leaseMs) {
      Atomics.store(words, leaseMonotonic, deadlineTicks(shared, sentMonotonicMs));
      Atomics.store(words, leaseWall, wallTicks(sentWallMs, Math.floor));
      Atomics.store(words, leaseTicks, lengthTicks(leaseMs));
    },
    holds(staleMs) {
      const granted = Atomics.load(words, leaseTicks);
      if (granted === 0) return false;
      const length = staleMs === undefined ? granted : lengthTicks(staleMs);
      const monotonicEnd = (Atomics.load(words, leaseMonotonic) >>> 0) + length;
      if (ticksNow(shared, clock) >= monotonicEnd) return false;
      const wallEnd = Atomics.load(words, leaseWall) + length;
      return wallTicks(clock.nowMs(), Math.ceil) < wallEnd;
    },
    revoke: () => void Atomics.store(words, leaseTicks, 0),
  };
}
