/** Whether a password is right, and whether its hash should be made anew with today's cost. */
export interface PasswordVerdict {
  readonly ok: boolean;
  readonly rehash: boolean;
}

/**
 * The slow work on passwords, done elsewhere. All reject with `overloaded` (503, `Retry-After`)
 * when too many wait. Aborting the signal cancels what has not begun. A password is never part of
 * an error.
 */
export interface Passwords {
  /**
   * Throws `overloaded` while it is known that nothing more is taken. To be asked before anything
   * is done for a login, so that a storm of them is refused for next to nothing.
   */
  assertRoom?(): void;
  /** A hash that says how it was made. */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /** Without a hash (nobody of that name) the same work is done, and the answer is no. */
  verify(
    password: string,
    hash: string | undefined,
    signal?: AbortSignal,
  ): Promise<PasswordVerdict>;
  /** From 0 (guessed at once) to 4; `identifiers` of its owner count as known to the guesser. */
  strength(password: string, identifiers: readonly string[], signal?: AbortSignal): Promise<number>;
}
