/** The limits of authentication; imported through `limits.ts`. */
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
  /** Secrets that are sealed again in one transaction. */
  resealBatchCount: 100,
  rsaModulusMinBits: 2_048,
  rsaModulusMaxBits: 8_192,
  rsaExponentMin: 65_537n,
  rsaExponentMaxBits: 64,
  secretMinBytes: 32,
  keySetMax: 32,
  macBytes: 32,
  /** How much longer than what it signed a key verifies after it retired: clocks differ. */
  retiringSlackSeconds: 60,
  /** 128 MiB and about half a second. */
  backupScryptCost: 2 ** 17,
  passphraseMinCharacters: 12,
  /** Keys that an operator is shown, the newest. */
  listMaxCount: 200,
  /** How often the time of the keys is looked at: four times in the shortest wait, within these. */
  turnMinMs: 500,
  turnMaxMs: 60_000,
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

export const revocationLimits = Object.freeze({
  /** Without a notification the log is read this often. */
  pollMs: 200,
  /** A read of the log that takes longer has lost its connection. */
  readTimeoutMs: 1_000,
  /** Time for the first read after the start of a process. */
  startDeadlineMs: 15_000,
  pageEntriesMax: 1_000,
  /** Keys of one log entry. */
  keysMax: 1_024,
  /** Age at which log entries are removed, and how many at a time. */
  keptSeconds: 3_600,
  trimBatchMax: 10_000,
  /** Longer than any tolerance of clocks on the end of a token. */
  expiredTokenKeptSeconds: 3_600,
  /** An unchanged position is acknowledged this often. */
  acknowledgeEveryMs: 5_000,
  /** A process not seen for this long has no row any more. */
  instanceForgottenMs: 60_000,
  /** After this long without an acknowledgement a process registers before it trusts itself. */
  registerAgainMs: 30_000,
  clusterSlackMs: 250,
  clusterPollMinMs: 10,
  clusterPollMaxMs: 100,
  /** Within this time our own notification must come back, or nobody forwards them. */
  probeMs: 2_000,
  /** How often a thread may drop everything, and in which time. */
  globalMax: 6,
  globalWindowMs: 60_000,
  globalRetryAfterSeconds: 10,
});

export const authCacheLimits = Object.freeze({
  /** Of one thread. Half of them at a time are certain to stay. */
  firstLevelEntriesMax: 8_192,
  /** Token text of one thread. */
  firstLevelCharactersMax: 8 * 1024 * 1024,
  /** Attempts of an entry to get into the shared table. */
  publishAttemptsMax: 3,
  /** Tries to take a slot of a bucket before a fill is dropped. */
  takeAttemptsMax: 4,
  sweepEverySeconds: 30,
});

export const admissionLimits = Object.freeze({
  /** A session and role look-up that takes longer is given up. */
  lookUpDeadlineMs: 1_000,
  /** After a failed look-up callers are answered without another try. */
  awayMs: 1_000,
  retryAfterSeconds: 1,
  /** How often a waiter whose flight was overtaken by a revocation begins again. */
  flightAgainMax: 2,
  /** Bad signatures of one network in one thread, then unknown tokens are not looked at. */
  badSignaturesMax: 60,
  badSignatureWindowMs: 60_000,
  badSignatureNetworksMax: 10_000,
  refusalLinesPerSecondMax: 50,
});

export const accountLimits = Object.freeze({
  emailMaxCharacters: 254,
  usernameMinCharacters: 3,
  usernameMaxCharacters: 32,
  nameMaxCharacters: 120,
  reasonMaxCharacters: 500,
  /** Bans that end are looked for this often. */
  reactivateEveryMs: 30_000,
  reactivateBatchMax: 100,
  /** A token with which an administrator acts as somebody else; there is no refresh. */
  impersonationSeconds: 900,
});

export const sessionLimits = Object.freeze({
  refreshSecretBytes: 32,
  /** A direct parent is answered again for this long … */
  graceSeconds: 10,
  /** … and this often. */
  graceMaxCount: 3,
  refreshTokenMaxCharacters: 512,
  /** The absolute life of a session with `remember_me`, in units of the usual one. */
  rememberMeAbsoluteFactor: 3,
  deviceSecretMinCharacters: 16,
  deviceSecretMaxCharacters: 256,
  deviceNameMaxCharacters: 64,
  /** Fields of `device_info` that we do not know, and their length. */
  deviceFieldsMax: 16,
  deviceFieldMaxCharacters: 256,
  userAgentReadCharacters: 512,
  /** Expired and ended sessions are kept this long, so that a reuse can still be told. */
  keptSeconds: 86_400,
  cleanBatchMax: 1_000,
  listMaxCount: 1_000,
  /** Tries of another device that are written down for one session. */
  foreignDeviceRecords: Object.freeze({ count: 10, seconds: 3_600 }),
});

export const verificationLimits = Object.freeze({
  requiredPermissionsMaxCount: 64,
});

/** Slow-changing documents that a thread keeps, each kind by itself. */
export const documentCacheLimits = Object.freeze({
  documentsMax: 1_000,
  ttlSeconds: 300,
});

export const oneTimeLimits = Object.freeze({
  tokenBytes: 32,
  /** Past their end they are kept this long. */
  keptSeconds: 86_400,
  cleanBatchMax: 1_000,
});

export const mfaLimits = Object.freeze({
  /** How long a login may wait for its second factor. */
  challengeSeconds: 300,
  totpSecretBytes: 20,
  totpStepSeconds: 30,
  /** Steps before and after ours whose codes count too. */
  totpWindowSteps: 1,
  /** How long a generator that was shown waits for its first code. */
  enrolmentSeconds: 900,
  recoveryCodes: 10,
  /** Of 5 random bits each. */
  recoveryCodeCharacters: 24,
  webauthnChallengeBytes: 32,
  webauthnSeconds: 300,
  passkeysPerAccount: 20,
  passkeyNameMaxCharacters: 64,
  deviceTokenBytes: 32,
  trustedDevicesListMax: 100,
  cleanBatchMax: 1_000,
});

/** Bounds of what a tenant may decide. */
export const tenantLimits = Object.freeze({
  daysMax: 3_650,
  durationMaxSeconds: 3_650 * 86_400,
  historyMaxCount: 24,
  countriesMaxCount: 250,
  blockedMaxCount: 500,
  failuresMax: 1_000,
});
