/** The limits of attempts; imported through `limits.ts`. */

/** `count` at once, all given back in `seconds`. */
const budget = (count: number, seconds: number) => Object.freeze({ count, seconds });

/**
 * Budgets of attempts. The last word of a name says for whom it is counted: a network (one IPv4
 * address or one IPv6 /64), an identifier as typed, an account, a client.
 */
export const budgetSizes = Object.freeze({
  /** Wrong passwords from one network, for whomever: 300 at once, then ten a minute. */
  loginNetwork: budget(300, 1_800),
  registerNetwork: budget(100, 3_600),
  /** Revocations by an account itself: each wakes every process. */
  revokeAccount: budget(60, 60),
  /** Tokens that a machine client takes back. */
  revokeClient: budget(60, 60),
  /** Guesses of the present password by somebody who is logged in. */
  passwordAccount: budget(10, 900),
  /** Passwords that somebody would like to know the strength of. */
  strengthNetwork: budget(60, 300),
  /** Codes of a second factor: one in 200 000 guesses is right, so five are few. */
  otpAccount: budget(5, 900),
  otpLongAccount: budget(40, 86_400),
  otpNetwork: budget(60, 900),
  /** Signatures of passkeys, which nobody guesses. */
  passkeyAccount: budget(30, 900),
  /** What authenticators are to sign, for people who are not logged in: a row each. */
  passkeyOptionsNetwork: budget(300, 900),
  /** Mails that let a password be set anew, by whom they are asked for, and by the asker. */
  resetIdentifier: budget(3, 3_600),
  resetNetwork: budget(30, 3_600),
  /** Tokens of such mails that are tried. */
  resetTokenNetwork: budget(30, 3_600),
  /** Mails that prove an address, asked for again. */
  resendIdentifier: budget(3, 3_600),
  resendNetwork: budget(30, 3_600),
  verifyTokenNetwork: budget(30, 3_600),
  unlockTokenNetwork: budget(30, 3_600),
  /** Mails that end a lock, for one account. */
  unlockMailAccount: budget(3, 86_400),
  /** API keys that were not good. */
  apiKeyNetwork: budget(60, 900),
  /** Secrets of machine clients that were not good. */
  clientIdentifier: budget(10, 900),
  clientNetwork: budget(60, 900),
  /** Refreshes that Cognito is asked for; an office has many apps behind one address. */
  cognitoRefreshNetwork: budget(120, 300),
});

/** Wrong passwords; when a lock begins and how long it lasts is the tenant's policy. */
export const loginLimits = Object.freeze({
  /**
   * Wrong passwords in a row for one identifier, locks or not, until somebody ends the lock. An
   * account has two identifiers: no more than 100 guesses (NIST SP 800-63B).
   */
  ceilingCount: 50,
  /** Comparisons while locked, so that the right password is told of the lock. */
  checksMaxCount: 3,
  /** Wrong passwords in a row from one known device. */
  deviceFailuresMaxCount: 10,
  /** A try whose end nobody told within this time was a wrong one. */
  pendingSeconds: 60,
  /** So many from one network cost no wait; then 1 s, 2 s, 4 s … */
  freeFailuresCount: 5,
  delaySecondsMax: 900,
  /** After this long without a failure from that network the free ones begin again. */
  forgottenSeconds: 1_800,
  /** A login from a known device forgives what others failed longer ago than this. */
  forgivenSeconds: 86_400,
  /** A failure older than this does not make a row any more, but for a row at the ceiling. */
  keptSeconds: 7 * 86_400,
  /** What whoever meets the last tries of others on their way waits. */
  fullRetrySeconds: 1,
  devicesMaxCount: 20,
  deviceKeptSeconds: 180 * 86_400,
  unlockTokenSeconds: 86_400,
});

export const throttleLimits = Object.freeze({
  /** Owners of locked accounts that are told in one transaction. */
  tellBatchMax: 20,
  cleanBatchMax: 1_000,
});

export const networkLimits = Object.freeze({
  /** Blocks in force at once, of all processes; those of people go before our own. */
  blocksMaxCount: 1_000,
  /** A block of more addresses than these shuts out a part of the world. */
  prefixMinBits4: 8,
  prefixMinBits6: 16,
  blockSecondsMax: 365 * 86_400,
  reasonMaxCharacters: 200,
});
