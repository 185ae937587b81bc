/** The limits of repeated requests; imported through `limits.ts`. */
export const idempotencyLimits = Object.freeze({
  keyMaxCharacters: 255,
  /** How long an answer is kept. */
  keptSeconds: 86_400,
  /** A first attempt that is not over by then is dead, or never changes anything any more. */
  runningSeconds: 60,
  /** A longer answer is not kept: a repetition is told so. */
  bodyMaxCharacters: 1024 * 1024,
  retryAfterSeconds: 1,
  removeBatchMax: 10_000,
});
