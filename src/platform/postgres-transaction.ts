import type pg from "pg";
import { systemClock } from "./clock.ts";
import { type AppError, platformErrors } from "./errors.ts";
import { requestScope } from "./log.ts";
import { databaseLimits } from "./limits.ts";
import { toQuery, toResult, type Result } from "./postgres-client.ts";
import {
  isAnswered,
  isConnectionUsable,
  isLockTimeout,
  isRetryable,
  isUnsent,
  toFailure,
  unavailable,
} from "./postgres-errors.ts";
import type { Loan } from "./postgres-pool.ts";
import type { Sql } from "./sql.ts";

export interface Transaction {
  query<T = Record<string, unknown>>(statement: Sql): Promise<Result<T>>;
  /**
   * Runs in the same flush as COMMIT. The statement is sent as text, so it may hold literals but
   * no parameters. `onRows` gets its rows after the commit, and nothing when the outcome of COMMIT
   * is unknown.
   */
  atCommit(statement: Sql, onRows?: (rows: Record<string, unknown>[]) => void): void;
  /** After COMMIT, before `withTransaction` resolves; also if its outcome is unknown. */
  afterCommit(run: () => void): void;
}

export interface TransactionOptions {
  readonly isolation?: "read committed" | "repeatable read" | "serializable";
  /** The server refuses every write in it. */
  readonly readOnly?: boolean;
  /** For all attempts together. */
  readonly deadlineMs?: number;
  /** Takes something away from somebody: never waits long with locks held, always durable. */
  readonly revocation?: boolean;
}

type Body<T> = (tx: Transaction) => Promise<T>;

/**
 * BEGIN, the body, COMMIT; ROLLBACK if the body throws. Serialisation failures and deadlocks are
 * tried again until the deadline, and so is a revocation that waited too long for a lock or was
 * stopped while it held one: the body must have no effect but its statements.
 */
export async function runTransaction<T>(
  borrow: () => Promise<Loan>,
  body: Body<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const endsAtMs =
    systemClock.monotonicMs() + (options.deadlineMs ?? databaseLimits.transactionDeadlineMs);
  let lostCount = 0;
  for (let attempt = 1; ; attempt++) {
    const progress: Progress = { isCommitSent: false };
    try {
      return await runOnce(await borrow(), body, options, { endsAtMs, progress });
    } catch (error) {
      const isLost = isLostEarly(error, progress);
      if (isLost) lostCount += 1;
      const isWorthMore =
        isRetryable(error) ||
        (options.revocation === true &&
          (isLockTimeout(error) || (isLost && lostCount <= databaseLimits.revocationLossesMax)));
      if (!isWorthMore) throw toFailure(error);
      const pauseMs = databaseLimits.retryPauseMs * 2 ** attempt * Math.random();
      const isLast =
        attempt >= databaseLimits.transactionAttemptsMax ||
        systemClock.monotonicMs() + pauseMs >= endsAtMs;
      if (isLast) throw unavailable(error, `gave up after ${attempt} attempts`);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

interface Progress {
  isCommitSent: boolean;
}

/**
 * The connection went before COMMIT was on its way, so nothing happened. A revocation loses its own
 * where this thread did not come to run for as long as the server lets it hold locks.
 */
function isLostEarly(error: unknown, progress: Progress): boolean {
  if (isConnectionUsable(error)) return false;
  return !progress.isCommitSent || isUnsent(error);
}

async function runOnce<T>(
  loan: Loan,
  body: Body<T>,
  options: TransactionOptions,
  { endsAtMs, progress }: { readonly endsAtMs: number; readonly progress: Progress },
): Promise<T> {
  const state: State = { client: loan.client, isOver: false, atCommit: [], afterCommit: [] };
  let ended: unknown;
  const deadline = startDeadline(endsAtMs);
  try {
    await Promise.race([loan.client.query(beginText(options)), deadline.passed]);
    const value = await Promise.race([runBody(body, handle(state)), deadline.passed]);
    state.isOver = true;
    progress.isCommitSent = true;
    await commit(state, deadline.passed);
    return value;
  } catch (error) {
    state.isOver = true;
    // After the deadline nobody knows what the connection still does: not worth asking it.
    if (error === deadline.error) ended = deadline.error.cause;
    else if (!isConnectionUsable(error)) ended = error;
    else ended = (await rollBack(loan.client)) ?? error;
    throw error;
  } finally {
    deadline.clear();
    loan.release(ended);
  }
}

async function runBody<T>(body: Body<T>, tx: Transaction): Promise<T> {
  const value = await body(tx);
  await requestScope.getStore()?.beforeCommit?.(tx);
  return value;
}

interface State {
  readonly client: pg.PoolClient;
  /** Set when COMMIT or ROLLBACK is on its way: a forgotten promise must not write after it. */
  isOver: boolean;
  readonly atCommit: {
    text: string;
    onRows: ((rows: Record<string, unknown>[]) => void) | undefined;
  }[];
  readonly afterCommit: (() => void)[];
}

function handle(state: State): Transaction {
  const assertOpen = () => {
    if (state.isOver) throw platformErrors.failure("internal", { note: "the transaction is over" });
  };
  return {
    async query<T>(statement: Sql) {
      assertOpen();
      return toResult<T>(await state.client.query(toQuery(statement)));
    },
    atCommit(statement, onRows) {
      assertOpen();
      if (statement.values.length > 0) {
        throw platformErrors.failure("internal", { note: "atCommit takes literals only" });
      }
      state.atCommit.push({ text: statement.text, onRows });
    },
    afterCommit(run) {
      assertOpen();
      state.afterCommit.push(run);
    },
  };
}

async function commit(state: State, passed: Promise<never>): Promise<void> {
  // One message of the simple protocol: no round trip of ours lies between the lock that a
  // statement here takes and the COMMIT that frees it.
  const text = [...state.atCommit.map((part) => part.text), "COMMIT"].join(";\n");
  let results: pg.QueryResult[];
  try {
    const answer = await Promise.race([state.client.query(text), passed]);
    results = Array.isArray(answer) ? answer : [answer];
  } catch (error) {
    // The server refused it: nothing happened. Anything else: it may have happened.
    if (!isAnswered(error)) for (const run of state.afterCommit) run();
    throw error;
  }
  // A transaction that failed before answers COMMIT with ROLLBACK and no error.
  if (results.at(-1)?.command !== "COMMIT") {
    throw platformErrors.failure("internal", { note: "a failed statement was swallowed" });
  }
  for (const [index, part] of state.atCommit.entries()) part.onRows?.(results[index]!.rows);
  for (const run of state.afterCommit) run();
}

/** Answers the error if not even that is possible. */
async function rollBack(client: pg.PoolClient): Promise<unknown> {
  try {
    await client.query("ROLLBACK");
    return undefined;
  } catch (error) {
    return error;
  }
}

function beginText(options: TransactionOptions): string {
  const isolation =
    options.isolation === undefined || options.isolation === "read committed"
      ? ""
      : ` ISOLATION LEVEL ${options.isolation.toUpperCase()}`;
  const begin = `BEGIN${isolation}${options.readOnly === true ? " READ ONLY" : ""}`;
  if (options.revocation !== true) return begin;
  return [
    begin,
    `SET LOCAL idle_in_transaction_session_timeout = ${databaseLimits.revocationIdleMs}`,
    `SET LOCAL lock_timeout = ${databaseLimits.revocationLockMs}`,
    "SET LOCAL synchronous_commit = on",
  ].join(";");
}

function startDeadline(endsAtMs: number) {
  const error: AppError = unavailable(
    new Error("Connection terminated: deadline"),
    "the transaction took too long",
  );
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error), Math.max(0, endsAtMs - systemClock.monotonicMs()));
  });
  passed.catch(() => {});
  return { error, passed, clear: () => clearTimeout(timer) };
}
