/** The limits of client_onboarding and of TypeForm; imported through `limits.ts`. */
export const onboardingLimits = Object.freeze({
  typeformUrlCharactersMax: 300,
  webhookUrlCharactersMax: 2_083,
  titleCharactersMax: 200,
  descriptionCharactersMax: 500,
  /** Of a delivery; TypeForm's own answers are far smaller. */
  deliveryBytesMax: 1024 * 1024,
  /** Forms named in a delivery whose own secret is tried; a genuine one names its own first. */
  formsNamedMaxCount: 3,
  tokenCharactersMax: 255,
  /** A page of responses, and what is read for a limit that is none. */
  queryPageMaxCount: 100,
  queryPageCount: 50,
  /** With at most as many rows the answers themselves come along. */
  queryWithDataMaxCount: 10,
  bulkQueriesMaxCount: 5,
  /** Of all that a thread keeps of what owners were told. */
  keptBytesMax: 16 * 1024 * 1024,
  apiKeyMinBytes: 10,
  apiKeyMaxBytes: 512,
  secretMinBytes: 20,
});

export const typeformLimits = Object.freeze({
  /** Two calls a second, all processes together. */
  callEverySeconds: 0.5,
  /** Longer than this nobody waits for a turn. */
  turnWaitMaxSeconds: 4,
  callTimeoutMs: 8_000,
  answerBytesMax: 1024 * 1024,
  /** After a failure that does not say how long. */
  retryAfterSeconds: 5,
  retryAfterMaxSeconds: 3_600,
  /** Who tells TypeForm and is not heard of for this long is dead; longer than any call. */
  leaseSeconds: 30,
  /** How long a change waits for another one of the same form, and how often it asks. */
  busyWaitMs: 5_000,
  busyPollMs: 200,
  /** Forms of which TypeForm is told again in one transaction, and those of one tenant. */
  retellBatchCount: 200,
  retellTenantMaxCount: 10_000,
  /** How often somebody looks whether there are such forms. */
  retellEveryMs: 60_000,
  /** Of a request that asks TypeForm twice. */
  deadlineMs: 28_000,
});
