/** The limits of drawn documents; imported through `limits.ts`. */
export const documentLimits = Object.freeze({
  threadsCount: 2,
  /** Documents that wait for a thread, of all callers together. */
  queueMax: 64,
  /** Waiting included; then the thread is ended, for it draws in one go. */
  deadlineMs: 10_000,
  /** Asked of main by another thread; longer than main's own deadline. */
  answerDeadlineMs: 12_000,
  /** An idle document thread is ended after this. */
  threadIdleMs: 60_000,
  retryAfterSeconds: 1,
});
