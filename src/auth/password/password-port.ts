import type { PasswordAssessment } from "./assessment.ts";

/** Whether a password is right, and whether its hash should be made anew with today's cost. */
export interface PasswordVerdict {
  readonly ok: boolean;
  readonly rehash: boolean;
}

/** A place in the queue of password tasks. */
export interface Place {
  release(): void;
}

/**
 * The slow work on passwords, done elsewhere. All reject with `overloaded` (503, `Retry-After`)
 * when too many wait. Aborting the signal cancels what has not begun. A password is never part of
 * an error.
 */
export interface Passwords {
  /**
   * Keeps a place in the queue for one task, before anything else is done for it, so that a storm
   * of logins is refused for next to nothing. Throws `overloaded` when there is none. The place is
   * given back when the task is done or not wanted any more; a second time changes nothing.
   */
  takePlace?(): Place;
  /** A hash that says how it was made. */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /** Without a hash (nobody of that name) the same work is done, and the answer is no. */
  verify(
    password: string,
    hash: string | undefined,
    signal?: AbortSignal,
  ): Promise<PasswordVerdict>;
  /** True if the password is one of those that these hashes were made of. A few at most. */
  matches(password: string, hashes: readonly string[], signal?: AbortSignal): Promise<boolean>;
  /** `words`, such as the names of its owner, count as known to whoever guesses. */
  assess(
    password: string,
    words: readonly string[],
    signal?: AbortSignal,
  ): Promise<PasswordAssessment>;
  /** A secret as a QR code, SVG: a few milliseconds that no request's thread should lose. */
  drawQr(text: string, signal?: AbortSignal): Promise<string>;
}
