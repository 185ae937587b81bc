import { systemClock, type Clock } from "../../platform/clock.ts";

/** The machine's clock and an offset: the issuer lives ahead of others, or behind. */
export interface MovableClock extends Clock {
  setOffset(seconds: number): void;
  offsetSeconds(): number;
}

export function createMovableClock(clock: Clock = systemClock): MovableClock {
  let offset = 0;
  return {
    nowMs: () => clock.nowMs() + offset * 1000,
    nowSeconds: () => clock.nowSeconds() + offset,
    monotonicMs: () => clock.monotonicMs(),
    setOffset: (seconds) => void (offset = seconds),
    offsetSeconds: () => offset,
  };
}
