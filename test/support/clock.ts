/** A clock that stands still until it is moved. */
export function createManualClock(startMs = 1_800_000_000_000) {
  let wall = startMs;
  let monotonic = 1_000_000;
  return {
    nowMs: () => wall,
    nowSeconds: () => Math.floor(wall / 1000),
    monotonicMs: () => monotonic,
    advanceMs(milliseconds: number) {
      wall += milliseconds;
      monotonic += milliseconds;
    },
    /** Moves only the wall clock, as an administrator or NTP would. */
    setWallMs(milliseconds: number) {
      wall = milliseconds;
    },
  };
}
