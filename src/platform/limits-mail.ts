/** The limits of the outbox and of mail; imported through `limits.ts`. */
export const outboxLimits = Object.freeze({
  /** Without a hint the table is looked at this often. */
  pollMs: 500,
  /** After a failed look. */
  pollAfterFailureMs: 2_000,
  /** Entries that one process has in hand at a time. */
  batchMax: 8,
  /** Who took an entry and is not heard of for this long is dead; longer than any delivery. */
  leaseSeconds: 120,
  /** How long the end of the process waits for a delivery. */
  stopMs: 3_000,
  attemptsMax: 12,
  retryBaseSeconds: 5,
  retryMaxSeconds: 3_600,
  /** An effect that did not come about in this time is not wanted any more. */
  pendingMaxSeconds: 86_400,
  /** What is over is kept this long, without its content. */
  doneKeptSeconds: 7 * 86_400,
  errorMaxCharacters: 200,
  cleanBatchMax: 1_000,
});

export const mailLimits = Object.freeze({
  connectTimeoutMs: 5_000,
  greetingTimeoutMs: 5_000,
  /** Silence of the mail server in the middle of a mail. */
  socketTimeoutMs: 15_000,
  /** A whole delivery; shorter than the lease of an outbox entry. */
  deliveryTimeoutMs: 45_000,
  connectionsMax: 2,
  mailsPerConnectionMax: 100,
  subjectMaxCharacters: 200,
  /** Mails that the development mailbox shows. */
  mailboxMaxCount: 100,
});

/** How long the links of mails are good, in hours. */
export const linkLimits = Object.freeze({
  verifyEmailHours: 24,
  changeEmailHours: 4,
  invitationHours: 72,
});
