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
  /** A reader that was not ready is asked again. */
  retryMs: 10,
  /** How long the end of the process waits for a slow reader. */
  finalFlushMs: 500,
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

/** The control plane: main and its threads. */
export const controlLimits = Object.freeze({
  /** Of one request, all headers; the parser's own default of 4 096 is too small for tokens. */
  headerBlockBytesMax: 16_384,
  heartbeatEveryMs: 500,
  /** Ticks of main without a beat of a thread: the thread is hung. */
  threadSilentTicksMax: 20,
  /** Ticks of a thread without a beat of main: it answers "not ready". */
  mainSilentReadyTicksMax: 20,
  /** … and then it ends the process. */
  mainSilentEndTicksMax: 60,
  /** An App is closed with what is still open after this time of draining. */
  drainConnectionsMs: 11_000,
  /** Main ends the hard way after this; PM2 and Railway allow more than that. */
  drainDeadlineMs: 11_750,
  crashBackoffMs: 100,
  crashesMax: 8,
  crashWindowMs: 60_000,
  adminRequestMs: 5_000,
  adminBodyBytesMax: 64 * 1024,
  claimsSweepMs: 60_000,
  /** Questions of main to a thread. */
  threadQuestionMs: 2_000,
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

export const iamLimits = Object.freeze({
  /** Default and greatest page of users and roles. */
  pageMaxCount: 100,
  skipMaxCount: 1_000_000,
  bulkUsersMaxCount: 100,
  rolePermissionsMaxCount: 32,
  issuerMaxCharacters: 512,
  subjectMaxCharacters: 255,
});

export const httpLimits = Object.freeze({
  /** Set before the first HTTP thread starts (`UWS_HTTP_MAX_HEADERS_SIZE`). */
  headerBlockBytesMax: 16_384,
  urlBytesMax: 2_048,
  queryPairsMax: 64,
  requestIdCharactersMax: 128,
  /** Faults reported of one request. */
  faultsMax: 20,
  faultNameCharactersMax: 64,
  jsonDepthMax: 32,
  deadlineMs: 10_000,
  /** A request that took longer is always logged. */
  slowMs: 1_000,
  retryAfterSeconds: 1,
  corsMaxAgeSeconds: 600,
  hstsSeconds: 31_536_000,
  docsMaxAgeSeconds: 3_600,
  healthCheckMs: 2_000,
});

export const serverLimits = Object.freeze({
  /** Open connections of one thread; the next is closed unanswered. */
  connectionsMax: 20_000,
  /** Bodies waiting in memory, all connections of a thread together. */
  bodiesBytesMax: 64 * 1024 * 1024,
  /** Rest of a refused body that is read and thrown away so that the refusal arrives. */
  lingerBytesMax: 8 * 1024 * 1024,
  lingerMs: 4_000,
  /** Nothing came for this long: the client has stopped sending. */
  lingerTickMs: 200,
  balanceEveryMs: 1_000,
  balanceSurplusRatio: 1.25,
  /** After this the connections of a draining thread are closed. */
  drainMs: 11_000,
  drainPollMs: 25,
});

export const productLimits = Object.freeze({
  pageItemsMax: 200,
  nameCharactersMax: 500,
  shortTextCharactersMax: 200,
  mediumTextCharactersMax: 1_000,
  labelTextCharactersMax: 5_000,
  barcodeCharactersMax: 50,
  jsonDataCharactersMax: 200_000,
  urlCharactersMax: 2_083,
  houseCharactersMax: 64,
  /** How many values one repeatable filter of the list may have. */
  filterValuesMax: 100,
  /** Filters of which a thread remembers the number of matches. */
  totalsMax: 500,
  similarNamesMax: 20,
  similarCandidatesMax: 200,
  similarFirstWordsMax: 100,
  /** Rows of which the word similarity is worked out in one search. */
  similarMatchesMax: 300,
  similarQueryCharactersMax: 200,
  importBatchRows: 1_000,
  importLineCharactersMax: 1_000_000,
  /** Names of classifications that an import keeps in mind. */
  importNamesMax: 10_000,
});

export const cliLimits = Object.freeze({
  inputMaxBytes: 64 * 1024,
  redrawMs: 100,
  barWidthCharacters: 30,
  /** With no total known, a plain line comes after as many. */
  plainStepCount: 10_000,
  connectionsCount: 3,
  statementTimeoutMs: 60_000,
  smokeStepTimeoutMs: 10_000,
  answerMaxBytes: 1024 * 1024,
  pageCount: 100,
  seedMaxCount: 10_000_000,
  openFilesMinCount: 4_096,
  diskFreeMinBytes: 512 * 1024 * 1024,
  serverVersionMin: 15,
  serverVersionMax: 18,
  clockApartWarnMs: 1_000,
  clockApartMaxMs: 10_000,
  notificationWaitMs: 2_000,
});

export const sharedMemoryLimits = Object.freeze({
  generationWords: 65_536,
  /** Slots of a bucket of the claims table. */
  bucketSlots: 4,
  claimsSlotBytes: 1_024,
  ticksPerSecond: 32,
});

export const metricsLimits = Object.freeze({
  /** One block a thread. A counter takes 4 words, a histogram of 12 buckets 30. */
  blockWords: 8_192,
  /** Looks at a counter whose carry is being written. */
  readAttemptsMax: 64,
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

export const rateCellLimits = Object.freeze({
  cells: 32_768,
  bucketCells: 4,
  ticksPerSecond: 65_536,
  /** Longest window of a limit; far under half of the 18 h in which 32-bit ticks come round. */
  windowSecondsMax: 4 * 3_600,
  sweepEverySeconds: 3_600,
  exchangeAttemptsMax: 16,
  /** Callers of one thread that found no cell. */
  localEntriesMax: 8_192,
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
  pageMaxCount: 100,
});

export const passwordLimits = Object.freeze({
  maxCodePoints: 256,
  /** Longest text a body may carry: 256 code points of two units each. */
  maxCharacters: 512,
  standardMinCodePoints: 8,
  strictMinCodePoints: 12,
  nistMinCodePoints: 15,
  /** bcrypt looks at no byte behind this one. */
  bcryptMaxBytes: 72,
  bcryptCost: 12,
  argon2MemoryKib: 19_456,
  argon2Passes: 2,
  argon2Lanes: 1,
  /** An identifier shorter than this may occur in a password by chance. */
  identifierMinCharacters: 4,
  /** Only so much of a password is looked at for its strength: the time grows fast. */
  strengthMaxCharacters: 32,
  /** zxcvbn's score from 0 to 4: at least "somewhat guessable, protects from online attacks". */
  strengthMinScore: 2,
  queueMax: 64,
  retryAfterSeconds: 1,
  /** An idle password thread is ended after this. */
  threadIdleMs: 300_000,
  /** Asked of main by another thread; longer than a full queue takes. */
  answerDeadlineMs: 8_000,
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
  endReasonMaxCharacters: 64,
  /** Expired and ended sessions are kept this long, so that a reuse can still be told. */
  keptSeconds: 86_400,
  cleanBatchMax: 1_000,
  listMaxCount: 1_000,
});

/** Attempts: `count` at once, all given back in `seconds`. */
export const throttleLimits = Object.freeze({
  /** Wrong passwords for one identifier, from wherever. */
  loginIdentifier: Object.freeze({ count: 10, seconds: 900 }),
  /** Wrong passwords from one network, for whomever. */
  loginNetwork: Object.freeze({ count: 100, seconds: 600 }),
  registerNetwork: Object.freeze({ count: 100, seconds: 3_600 }),
  /** Revocations by an account itself: each wakes every process. */
  revokeAccount: Object.freeze({ count: 60, seconds: 60 }),
  cleanBatchMax: 1_000,
});

export const verificationLimits = Object.freeze({
  requiredPermissionsMaxCount: 64,
});

export const appLimits = Object.freeze({
  /** Budget of an address for tokens that are new to us, in budgets of one caller. */
  addressBudgetFactor: 10,
});

/** How often scheduled work gets a turn, over all processes. */
export const jobLimits = Object.freeze({
  trimLogMs: 60_000,
  expiredMs: 5 * 60_000,
  batchRows: 1_000,
});
