/**
 * Every size, count and time-out of the program, by the part that obeys it. The unit is the last
 * word of the name.
 */
export * from "./limits-api-keys.ts";
export * from "./limits-audit.ts";
export * from "./limits-auth.ts";
export * from "./limits-clients.ts";
export * from "./limits-foreign.ts";
export * from "./limits-idempotency.ts";
export * from "./limits-issuers.ts";
export * from "./limits-dev-issuer.ts";
export * from "./limits-documents.ts";
export * from "./limits-redis.ts";
export * from "./limits-throttle.ts";
export * from "./limits-risk.ts";
export * from "./limits-passwords.ts";
export * from "./limits-mail.ts";
export * from "./limits-meals.ts";
export * from "./limits-onboarding.ts";
export * from "./limits-outbound.ts";
export * from "./limits-sessions.ts";
export * from "./limits-shopping.ts";

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
  /** Connections that a revocation may lose before its COMMIT. */
  revocationLossesMax: 2,
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
  bufferMinBytes: 65_536,
  /** What may wait for a slow reader of our output; more is dropped. */
  bufferMaxBytes: 16 * 1024 * 1024,
  flushEveryMs: 250,
  /** A reader that was not ready is asked again. */
  retryMs: 10,
  /** How long the end of the process gives a write that is under way in the thread pool. */
  inFlightMs: 200,
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
  /** One for each origin; the oldest is forgotten. */
  breakersMaxCount: 64,
});

/** The control plane: main and its threads. */
export const controlLimits = Object.freeze({
  /** Room for young objects of an HTTP thread before they are collected. */
  nurseryMiB: 16,
  /** Of one request, all headers; the parser's own default of 4 096 is too small for tokens. */
  headerBlockBytesMax: 16_384,
  heartbeatEveryMs: 500,
  /** Ticks of main without a beat of a thread: the thread is hung. */
  threadSilentTicksMax: 20,
  /** Ticks of a thread without a beat of main: it answers "not ready". */
  mainSilentReadyTicksMax: 20,
  /** … and then it ends the process. */
  mainSilentEndTicksMax: 60,
  /** Outside production: how long a drain waits for connections that ask nothing. */
  hurryMs: 500,
  /** To fill an empty development database, and how often who waits for it asks. */
  welcomeMs: 60_000,
  welcomePollMs: 100,
  /** A drain in the middle of a start waits so long for the step at hand. */
  startStepMs: 5_000,
  /** Main ends the hard way after this; PM2 and Railway allow more than that. */
  drainDeadlineMs: 11_750,
  crashBackoffMs: 100,
  crashBackoffMaxMs: 2_000,
  crashesMax: 8,
  crashWindowMs: 60_000,
  adminRequestMs: 5_000,
  adminBodyBytesMax: 64 * 1024,
  claimsSweepMs: 60_000,
  /** Questions of main to a thread. */
  threadQuestionMs: 2_000,
});

export const iamLimits = Object.freeze({
  bulkUsersMaxCount: 100,
  rolePermissionsMaxCount: 32,
  issuerMaxCharacters: 512,
  subjectMaxCharacters: 255,
});

export const httpLimits = Object.freeze({
  /** How fresh an authentication has to be for what is sensitive. */
  stepUpMaxAgeSeconds: 600,
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
  /** Texts of products (about 4 kB each) that a thread keeps. */
  textsMax: 2_000,
  /** Ids of pages and of what names found, all together, that a thread keeps. */
  foundIdsMax: 100_000,
  /** Of all answers (a page has up to 800 kB) that a thread keeps. */
  answerBytesMax: 24 * 1024 * 1024,
  similarNamesMax: 20,
  similarCandidatesMax: 200,
  similarFirstWordsMax: 100,
  /** Rows of which the word similarity is worked out in one search. */
  similarMatchesMax: 300,
  similarQueryCharactersMax: 200,
  /** Words of a query and of a name that are compared with each other. */
  similarWordsMax: 32,
  importBatchRows: 1_000,
  /** Names of classifications that an import keeps in mind. */
  importNamesMax: 10_000,
});

/** Files that an import reads. */
export const textFileLimits = Object.freeze({
  lineCharactersMax: 1_000_000,
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
  serviceWaitMs: 3_000,
  /** One password hash: less is guessed too quickly, more keeps logins waiting. */
  hashMinMs: 5,
  hashMaxMs: 1_000,
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

export const rateCellLimits = Object.freeze({
  cells: 32_768,
  bucketCells: 4,
  ticksPerSecond: 65_536,
  /** Longest window of a limit; far under half of the 18 h in which 32-bit ticks come round. */
  windowSecondsMax: 4 * 3_600,
  sweepEverySeconds: 3_600,
  exchangeAttemptsMax: 16,
  /** Callers whose place in the cells is remembered by a thread. */
  placesMax: 4_096,
  /** Callers of one thread that found no cell. */
  localEntriesMax: 8_192,
});

export const appLimits = Object.freeze({
  /** Budget of an address for tokens that are new to us, in budgets of one caller. */
  addressBudgetFactor: 10,
});

/** How often scheduled work gets a turn, over all processes. */
export const jobLimits = Object.freeze({
  trimLogMs: 60_000,
  expiredMs: 5 * 60_000,
  reminderMs: 3_600_000,
  batchRows: 1_000,
});
