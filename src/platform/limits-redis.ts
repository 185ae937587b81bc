/** The limits of Redis; imported through `limits.ts`. */
export const redisLimits = Object.freeze({
  connectTimeoutMs: 1_000,
  commandTimeoutMs: 500,
  reconnectPauseMs: 100,
  reconnectPauseMaxMs: 2_000,
  /** How often a thread tells the others what it counted. */
  shareEveryMs: 100,
  /** Callers of one thread in that time; what is more counts in its own process alone. */
  sharedCallersMax: 4_096,
  sharedBatchMax: 256,
});
