import { serverLimits } from "../../platform/limits.ts";
import type { ConnectionCount } from "../../platform/shared-memory.ts";

/** Counts the connections of a thread and tells when one should be sent elsewhere. */
export interface Balance {
  change(connections: number): void;
  open(): number;
  /** True once a second while this thread has more than its share. */
  shed(): boolean;
  stop(): void;
}

/**
 * The kernel spreads connections by a hash, which gives one thread two or three times the share of
 * another when there are few. A client that is asked to go comes back by a new hash.
 *
 * @param shared the thread's place beside the others; undefined when it is the only one
 */
export function createBalance(shared: ConnectionCount | undefined): Balance {
  let open = 0;
  let surplus = false;
  shared?.reset();
  const timer =
    shared &&
    setInterval(() => {
      surplus = isSurplus(open, shared.mean());
    }, serverLimits.balanceEveryMs);
  timer?.unref();
  return Object.freeze({
    change(connections: number) {
      open += connections;
      shared?.add(connections);
    },
    open: () => open,
    shed() {
      if (!surplus) return false;
      surplus = false;
      return true;
    },
    stop: () => clearInterval(timer),
  });
}

/** More than the mean, by a quarter and by at least one whole connection. */
export function isSurplus(own: number, mean: number): boolean {
  return own > Math.max(Math.ceil(mean), serverLimits.balanceSurplusRatio * mean);
}
