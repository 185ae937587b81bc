import { type AppError, platformErrors } from "./errors.ts";
import { databaseLimits } from "./limits.ts";

/** What PostgreSQL says of a failed statement, as far as we use it. */
interface DatabaseFault {
  readonly code?: string;
  readonly constraint?: string;
  readonly severity?: string;
}

const RETRY_AFTER = Object.freeze({ "retry-after": String(databaseLimits.retryAfterSeconds) });

// SQLSTATE classes and codes that speak of the server's state and not of the statement:
// connections, resources, shutdown, read-only standby, time-outs.
const AWAY = /^(08...|53...|57P0.|57014|58030|25006|25P0[34]|55P03)$/;
// Node's words for a connection that failed, and pg's, which have no code.
const AWAY_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EACCES",
]);
const AWAY_TEXT =
  /^(Connection terminated|timeout exceeded when trying|Query read timeout|timeout expired|Client (was closed|has encountered)|The server closed the connection|Cannot use a pool after)/;

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as DatabaseFault).code : undefined;
}

/** True for a failure of the connection or the server, not of the statement. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as DatabaseFault;
  if (error instanceof AggregateError) return error.errors.some(isAway);
  if (code === undefined) return AWAY_TEXT.test(error.message);
  return AWAY_CODES.has(code) || AWAY.test(code);
}

/** True if the server's own answer is known, so that a failed COMMIT surely did nothing. */
export function isAnswered(error: unknown): boolean {
  const severity = error instanceof Error ? (error as DatabaseFault).severity : undefined;
  return /^[0-9A-Z]{5}$/.test(codeOf(error) ?? "") && severity === "ERROR";
}

/** True if the connection that saw this error (or none) can serve the next caller. */
export function isConnectionUsable(error: unknown): boolean {
  return !isAway(error) || isAnswered(error);
}

/** Serialisation failure, deadlock, stale plan: the same transaction may well succeed now. */
export function isRetryable(error: unknown): boolean {
  const code = codeOf(error);
  return code === "40001" || code === "40P01" || isStalePlan(error);
}

/** The statement waited for a lock as long as it may. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === "55P03";
}

/** The connection was known to be gone before the message left: the server never saw it. */
export function isUnsent(error: unknown): boolean {
  if (codeOf(error) === "EPIPE") return true;
  return error instanceof Error && error.message.endsWith("not queryable");
}

/** The plan that the connection keeps under a name no longer fits, or is gone. Nothing was run. */
export function isStalePlan(error: unknown): boolean {
  const code = codeOf(error);
  if (code === "26000") return true;
  return code === "0A000" && /cached plan/.test((error as Error).message);
}

/** 503 with `Retry-After`; the cause goes to the log only. */
export function unavailable(cause: unknown, note?: string): AppError {
  return platformErrors.failure("unavailable", {
    cause,
    headers: RETRY_AFTER,
    ...(note === undefined ? {} : { note }),
  });
}

/** What callers are thrown: an `unavailable`, or the database's own error about the statement. */
export function toFailure(error: unknown): unknown {
  return isAway(error) ? unavailable(error) : error;
}

/** True for a duplicate; `constraint` says of what. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (codeOf(error) !== "23505") return false;
  return constraint === undefined || (error as DatabaseFault).constraint === constraint;
}
