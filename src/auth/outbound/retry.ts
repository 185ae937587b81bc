import { setTimeout as pauseFor } from "node:timers/promises";
import type { Clock } from "../../platform/clock.ts";
import { outboundLimits as limits } from "../../platform/limits.ts";
import type { AuthenticationError } from "../providers/failures.ts";

export interface RetryPorts {
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random?: () => number;
  readonly pause?: (milliseconds: number) => Promise<unknown>;
  /** For all calls and pauses together. */
  readonly deadlineMs?: number;
}

/** How one call ended that gave no answer to go by. */
export interface CallFault {
  readonly error: AuthenticationError;
  /** False: the same call would end the same way. */
  readonly isTransient: boolean;
}

export const isFault = (value: object): value is CallFault => "isTransient" in value;

/**
 * Repeats a call that failed for a reason that may pass, after a pause with jitter: callers that
 * failed together do not come again together. An issuer's `Retry-After` is kept; one that asks for
 * more than we wait ends it, and so does the deadline.
 */
export async function withRetries<T extends object>(
  call: (timeoutMs: number) => Promise<T | CallFault>,
  { clock, random = Math.random, pause = pauseFor, ...given }: RetryPorts,
): Promise<T> {
  const endsMs = clock.monotonicMs() + (given.deadlineMs ?? limits.deadlineMs);
  for (let attempt = 1; ; attempt++) {
    const leftMs = endsMs - clock.monotonicMs();
    const outcome = await call(Math.max(1, Math.min(limits.timeoutMs, leftMs)));
    if (!isFault(outcome)) return outcome;
    const { error, isTransient } = outcome;
    if (!isTransient || attempt >= limits.attemptsMax) throw error;
    const askedMs = (error.retryAfterSeconds ?? 0) * 1000;
    const jitterMs = Math.min(limits.retryPauseMs * 2 ** (attempt - 1), limits.retryPauseMaxMs);
    const waitMs = askedMs + random() * jitterMs;
    if (askedMs > limits.retryAfterMaxMs || clock.monotonicMs() + waitMs >= endsMs) throw error;
    await pause(waitMs);
  }
}

/** `Retry-After` (RFC 9110 §10.2.3) in seconds from now on; undefined: none that can be read. */
export function retryAfterOf(headers: Headers, clock: Clock): number | undefined {
  const text = headers.get("retry-after")?.trim();
  if (text === undefined || text === "") return undefined;
  const seconds = /^\d{1,9}$/.test(text)
    ? Number(text)
    : Math.ceil((Date.parse(text) - clock.nowMs()) / 1000);
  if (!Number.isFinite(seconds) || seconds < 0) return undefined;
  return Math.min(seconds, limits.retryAfterMaxSeconds);
}
