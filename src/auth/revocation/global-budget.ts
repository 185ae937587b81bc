import { systemClock, type Clock } from "../../platform/clock.ts";
import { revocationLimits } from "../../platform/limits.ts";

/**
 * How often a thread may drop everything that all processes have cached: each time every caller is
 * authenticated anew. True takes one of the budget, which is whole again a minute later.
 */
export function createGlobalBudget(clock: Clock = systemClock): () => boolean {
  const takenAtMs: number[] = [];
  return () => {
    const nowMs = clock.monotonicMs();
    while (takenAtMs.length > 0 && nowMs - takenAtMs[0]! >= revocationLimits.globalWindowMs) {
      takenAtMs.shift();
    }
    if (takenAtMs.length >= revocationLimits.globalMax) return false;
    takenAtMs.push(nowMs);
    return true;
  };
}
