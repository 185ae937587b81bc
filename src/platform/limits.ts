/**
 * Every size, count and time-out of the program, by the part that obeys it. The unit is the last
 * word of the name.
 */
export const databaseLimits = Object.freeze({
  statementTimeoutMs: 5_000,
  /** How much longer than the server's own time-out we wait before we give the connection up. */
  statementSlackMs: 1_000,
  connectTimeoutMs: 3_000,
  /** Waiting for a free connection of the pool. */
  poolWaitMs: 2_000,
  poolWaitersMax: 256,
  poolIdleMs: 30_000,
  readsPendingMax: 4_096,
  transactionDeadlineMs: 10_000,
  transactionAttemptsMax: 6,
  retryPauseMs: 8,
  revocationIdleMs: 500,
  revocationLockMs: 1_000,
  /** After a failed connection, for this long everybody is refused at once. */
  failFastMs: 1_000,
  reconnectPauseMs: 50,
  reconnectPauseMaxMs: 500,
  retryAfterSeconds: 1,
  keepAliveDelayMs: 5_000,
  statementNamesMax: 1_000,
  /** Main's own connections: the bus, a reader and two of a pool. */
  mainConnectionsCount: 4,
  /** One reader and two of a pool. */
  threadConnectionsMinCount: 3,
});

export const migrationLimits = Object.freeze({
  lockTimeoutMs: 60_000,
  statementTimeoutMs: 10 * 60_000,
});

export const embeddedLimits = Object.freeze({
  startDeadlineMs: 60_000,
  stopDeadlineMs: 10_000,
  pollMs: 10,
  pollPeerMs: 25,
});

export const logLimits = Object.freeze({
  bufferMinBytes: 4_096,
  /** What may wait for a slow reader of our output; more is dropped. */
  bufferMaxBytes: 16 * 1024 * 1024,
  flushEveryMs: 250,
  redactionDepthMax: 6,
});

export const lifecycleLimits = Object.freeze({
  /** npm and tsx send a signal twice: within this time it is the same one. */
  sameSignalMs: 1_000,
});

export const outgoingLimits = Object.freeze({
  timeoutMs: 5_000,
  bodyBytesMax: 1024 * 1024,
  breakerFailureThresholdCount: 5,
  breakerRecoveryMs: 30_000,
});

export const tokenLimits = Object.freeze({
  textBytesMax: 16 * 1024,
  kidBytesMax: 128,
  /** Subjects, ids and other names in claims. */
  nameCharactersMax: 255,
  jsonDepthMax: 8,
  /** Headers that were read once and are known by their text. */
  knownHeadersMax: 256,
  knownHeaderBytesMax: 512,
  /** Hard cap of `exp - iat` of our own access tokens. */
  ownLifetimeSecondsMax: 3_600,
  skewSeconds: 5,
});

export const keyLimits = Object.freeze({
  rsaModulusMinBits: 2_048,
  rsaModulusMaxBits: 8_192,
  rsaExponentMin: 65_537n,
  rsaExponentMaxBits: 64,
  secretMinBytes: 32,
  keySetMax: 32,
  /** A retired key verifies for the longest life of a token, and for clocks that differ. */
  retiringSeconds: 2 * 3_600,
});

export const verifyPoolLimits = Object.freeze({
  batchTokensMax: 64,
  batchesPerThreadMax: 2,
  waitingTokensMax: 4_096,
  batchDeadlineMs: 2_000,
  retryAfterSeconds: 1,
  /** Keys that a pool thread keeps ready. */
  workerKeysMax: 64,
});
