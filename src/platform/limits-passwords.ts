/** The limits of passwords; imported through `limits.ts`. */
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
  /** Names and their parts that count as known to whoever guesses. */
  strengthMaxWords: 64,
  /** With a second factor, `nist` asks for as many. */
  nistMinCodePointsWithFactor: 8,
  /** Former passwords that one change is compared with, whatever a policy says. */
  historyMaxCount: 12,
  /** Owners that are reminded in one transaction. */
  reminderBatchMax: 100,
  queueMax: 64,
  retryAfterSeconds: 1,
  /** An idle password thread is ended after this. */
  threadIdleMs: 300_000,
  /** Asked of main by another thread; longer than a full queue takes. */
  answerDeadlineMs: 8_000,
});

export const generatorLimits = Object.freeze({
  usualCharacters: 20,
  /** Twelve of 56 characters are 69 bits. */
  minCharacters: 12,
  /** Fewer than the bytes that bcrypt looks at. */
  maxCharacters: 64,
});

/** The service that knows passwords from leaks. */
export const breachLimits = Object.freeze({
  timeoutMs: 800,
  bodyBytesMax: 256 * 1024,
});

/** How long a password may be set anew with a token. */
export const passwordLinkLimits = Object.freeze({
  resetMinutes: 30,
  /** Given at a login with a password that has come to its end. */
  changeTokenSeconds: 900,
});

/** What one comparison with a stored hash may cost: about a second of a thread at most. */
export const hashLimits = Object.freeze({
  textMaxCharacters: 512,
  keyMinBytes: 16,
  keyMaxBytes: 64,
  argon2MemoryMaxKib: 128 * 1024,
  /** Memory times passes. */
  argon2WorkMaxKib: 512 * 1024,
  argon2LanesMax: 16,
  bcryptCostMin: 4,
  bcryptCostMax: 14,
  scryptMemoryMaxBytes: 128 * 1024 * 1024,
  /** N times r times p. */
  scryptWorkMax: 2 ** 20,
  /** r times p. */
  scryptLanesMax: 1_024,
  pbkdf2IterationsMax: 2_000_000,
});

/** Accounts that are carried from one server to another. */
export const transferLimits = Object.freeze({
  batchRows: 500,
});
