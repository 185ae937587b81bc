import { breakersInUse, type BreakerState } from "./breaker.ts";
import type { Metrics } from "./metrics.ts";

/** Breakers by what they guard; every address that is called over HTTP is one of `outgoing`. */
const NAMES = ["smtp", "breach-check", "redis", "outgoing"] as const;
const STATES = ["CLOSED", "OPEN", "HALF_OPEN"] as const satisfies readonly BreakerState[];

/**
 * Shows the breakers of this thread. The series are there from the start, whether anything was
 * called yet or not, because main learns once which ones a thread has. The threads are added up:
 * a value is the number of breakers in that state.
 */
export function showBreakers(metrics: Metrics): void {
  for (const name of NAMES) {
    for (const state of STATES) {
      metrics.gauge(
        "brigade_breaker_state",
        "Circuit breakers around calls to the outside, by what they guard and their state",
        () =>
          [...breakersInUse()].filter((one) => one.state === state && nameOf(one.name) === name)
            .length,
        { name, state: state.toLowerCase() },
      );
    }
  }
}

function nameOf(name: string): string {
  return NAMES.includes(name as (typeof NAMES)[number]) ? name : "outgoing";
}
