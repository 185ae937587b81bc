/** The limits of API keys; imported through `limits.ts`. */
export const apiKeyLimits = Object.freeze({
  secretBytes: 20,
  /** Live ones of one account. */
  perAccountMaxCount: 25,
  nameMaxCharacters: 80,
  /** Permissions that one key may name in one context. */
  permissionsMaxCount: 32,
  permissionMaxCharacters: 64,
  lifeMinSeconds: 60,
  lifeMaxSeconds: 5 * 365 * 86_400,
  lifeDefaultSeconds: 365 * 86_400,
  overlapMaxSeconds: 30 * 86_400,
  overlapDefaultSeconds: 86_400,
  rateMaxCount: 1_000_000,
  quotaMaxCount: 1_000_000_000,
  /** Networks without a guess left that a thread refuses by itself. */
  blockedNetworksMax: 10_000,
  /** What was counted in memory is written this often. */
  flushEveryMs: 2_000,
  /** Different rates of keys that a thread keeps a limiter for. */
  limitersMax: 256,
  /** Longer than a cached principal lives: the next look-up tells again what was counted. */
  countedIdleMs: 600_000,
  flushBatchMax: 1_000,
  /** Ended keys are kept this long for their owner's list. */
  keptSeconds: 90 * 86_400,
  cleanBatchMax: 1_000,
});
