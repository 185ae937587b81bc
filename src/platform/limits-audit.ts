/** The limits of the audit log and of what is kept of refusals; imported through `limits.ts`. */
export const auditLimits = Object.freeze({
  /** How often the events written meanwhile are sealed: the longest usual wait for a seal. */
  sealEveryMs: 2_000,
  sealBatchMax: 1_000,
  /**
   * An event that is committed later than this after it was written is not sealed any more. Far
   * above the deadline of a transaction.
   */
  latenessSeconds: 120,
  /** An event that is older than one sealed before it by more than this was not written then. */
  backdatedSeconds: 300,
  verifyPageMax: 2_000,
  verifyDeadlineMs: 30 * 60_000,
  /** Partitions that are made before their month begins. */
  monthsAhead: 3,
  monthsEveryMs: 3_600_000,
  retentionMonthsMax: 1_200,
  /** How long a drop waits for the log, and who writes an event for the drop. */
  dropLockMs: 1_000,
  /** Events of one page. */
  pageDefault: 50,
  pageMax: 200,
  filterCharactersMax: 255,
});

/** What is kept of refused requests, so that an operator can tell why. */
export const decisionLimits = Object.freeze({
  /** How long a reason waits in a thread before it is written. */
  flushEveryMs: 250,
  batchMax: 500,
  /** Reasons of one thread that wait while the database is away. */
  waitingMax: 2_000,
  /** Of callers that a token proved, in one thread: at once, and then a second. */
  knownBurst: 500,
  knownPerSecond: 50,
  /** Of everybody else. */
  strangerBurst: 200,
  strangerPerSecond: 10,
  reasonCharactersMax: 200,
  keptSeconds: 3 * 86_400,
  /** Of all threads of all processes; more than these are removed oldest first. */
  rowsMax: 1_000_000,
  cleanEveryMs: 60_000,
  cleanBatchMax: 5_000,
  /** Decisions under one reference that are told. */
  answersMax: 20,
});
