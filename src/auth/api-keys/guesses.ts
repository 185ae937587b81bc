import type { Clock } from "../../platform/clock.ts";
import { AppError, type Rejection } from "../../platform/errors.ts";
import { apiKeyLimits } from "../../platform/limits.ts";
import { NETWORK_BLOCKED, tooManyGuesses } from "../admission/refusals.ts";
import { networkOf } from "../throttle/network.ts";
import type { Throttle } from "../throttle/throttle.ts";

/**
 * The budget of keys that nobody here knows yet, by network. A unit is taken before anything is
 * looked up, in the database, so all processes together look at no more than the budget; it is
 * given back when the key was good. A thread remembers whom the database refused and does not ask
 * it again.
 */
export interface Guesses {
  /** Seconds until this network may guess again, by memory alone; 0 = perhaps now. */
  retryAfterSeconds(address: string): number;
  /** Takes a unit. Undefined: there was one; else why not: no unit is left, or no network is let in. */
  take(address: string): Promise<Rejection | undefined>;
  giveBack(address: string): Promise<void>;
}

export function createGuesses(
  throttle: Pick<Throttle, "tryTake" | "giveBack">,
  clock: Clock,
): Guesses {
  const blockedUntilMs = new Map<string, number>();

  function block(network: string, seconds: number): void {
    blockedUntilMs.delete(network);
    if (blockedUntilMs.size >= apiKeyLimits.blockedNetworksMax) {
      blockedUntilMs.delete(blockedUntilMs.keys().next().value!);
    }
    blockedUntilMs.set(network, clock.monotonicMs() + seconds * 1000);
  }

  return {
    retryAfterSeconds(address) {
      // Nearly always nobody is blocked at all.
      if (blockedUntilMs.size === 0) return 0;
      const network = networkOf(address);
      const leftMs = (blockedUntilMs.get(network) ?? 0) - clock.monotonicMs();
      if (leftMs > 0) return Math.ceil(leftMs / 1000);
      blockedUntilMs.delete(network);
      return 0;
    },
    async take(address) {
      // Nobody's: a trusted service asks about keys that its own callers showed it.
      if (address === "") return undefined;
      try {
        const refused = await throttle.tryTake("apiKeyNetwork", address);
        if (refused === undefined) return undefined;
        block(networkOf(address), refused.retryAfterSeconds);
        return tooManyGuesses(refused.retryAfterSeconds);
      } catch (error) {
        // A decision about the network, and no sign that anything is away.
        if (error instanceof AppError && error.code === NETWORK_BLOCKED.code)
          return NETWORK_BLOCKED;
        throw error;
      }
    },
    async giveBack(address) {
      if (address === "") return;
      await throttle.giveBack("apiKeyNetwork", address);
      blockedUntilMs.delete(networkOf(address));
    },
  };
}
