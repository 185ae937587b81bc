import { createManualClock } from "./clock.ts";

/** A clock that stands still, and what waits for it: things run when their time comes, in order. */
export function createManualTimers() {
  const clock = createManualClock();
  const waiting = new Set<{ atMs: number; run: () => void }>();
  return {
    clock,
    after(delayMs: number, run: () => void) {
      const timer = { atMs: clock.monotonicMs() + delayMs, run };
      waiting.add(timer);
      return () => void waiting.delete(timer);
    },
    /** How long each one waits yet. */
    pauses: () => [...waiting].map(({ atMs }) => atMs - clock.monotonicMs()),
    advanceMs(milliseconds: number) {
      const endMs = clock.monotonicMs() + milliseconds;
      for (;;) {
        const [next] = [...waiting]
          .filter(({ atMs }) => atMs <= endMs)
          .toSorted((one, other) => one.atMs - other.atMs);
        if (next === undefined) break;
        waiting.delete(next);
        clock.advanceMs(Math.max(0, next.atMs - clock.monotonicMs()));
        next.run();
      }
      clock.advanceMs(endMs - clock.monotonicMs());
    },
  };
}
