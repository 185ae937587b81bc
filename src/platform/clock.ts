/**
 * The only reader of the machine's clocks. Whatever needs the time takes a `Clock`, so that tests
 * can move it.
 */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  nowMs(): number;
  /** Wall clock, whole seconds since the epoch (RFC 7519 NumericDate). */
  nowSeconds(): number;
  /** Monotonic milliseconds with a fraction; one scale in all threads of the machine. */
  monotonicMs(): number;
}

export const systemClock: Clock = Object.freeze({
  nowMs: () => Date.now(),
  nowSeconds: () => Math.floor(Date.now() / 1000),
  // hrtime and not performance.now(): the latter starts anew in each thread.
  monotonicMs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
});
