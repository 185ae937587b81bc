import pg from "pg";
import { systemClock } from "./clock.ts";
import { databaseLimits } from "./limits.ts";
import type { Logger } from "./log.ts";
import {
  clientConfig,
  toQuery,
  toResult,
  type ConnectionOptions,
  type Result,
} from "./postgres-client.ts";
import { isAway, toFailure, unavailable } from "./postgres-errors.ts";
import { createSteadyClient } from "./postgres-reader.ts";
import {
  runTransaction,
  type Loan,
  type Transaction,
  type TransactionOptions,
} from "./postgres-transaction.ts";
import type { Sql } from "./sql.ts";

export { isCheckViolation, isForeignKeyViolation, isUniqueViolation } from "./postgres-errors.ts";
export type { Result } from "./postgres-client.ts";
export type { Transaction, TransactionOptions } from "./postgres-transaction.ts";

/**
 * PostgreSQL as one thread sees it. Failures of the connection, the server or a time-out are
 * thrown as `unavailable` (503); a constraint's as pg's own error (`isUniqueViolation` …). 64-bit
 * integers arrive as numbers, calendar days and `numeric` as text.
 */
export interface Database {
  /** A single reading statement on the pipelined connection. Short ones only: they queue. */
  read<T = Record<string, unknown>>(statement: Sql): Promise<T[]>;
  /** A single statement on a connection of the pool. */
  query<T = Record<string, unknown>>(statement: Sql): Promise<Result<T>>;
  withTransaction<T>(
    body: (tx: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  stats(): DatabaseStats;
  end(): Promise<void>;
}

export interface DatabaseStats {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
  readonly readerPending: number;
}

export interface DatabaseOptions extends ConnectionOptions {
  /** Readers included. */
  readonly connections: number;
  readonly readers?: number;
  readonly log: Logger;
}

export function createDatabase(options: DatabaseOptions): Database {
  const { log } = options;
  const away = createAwayMark();
  const readers = Array.from({ length: options.readers ?? 1 }, () =>
    createSteadyClient({
      open: () => new pg.Client({ ...clientConfig(options), pipeline: true }),
      log,
      onConnected: away.clear,
      onLost: (error) => log.warn({ error }, "lost a database connection"),
    }),
  );
  const pool = new pg.Pool({
    ...clientConfig(options),
    connectionTimeoutMillis: databaseLimits.poolWaitMs,
    idleTimeoutMillis: databaseLimits.poolIdleMs,
    max: Math.max(1, options.connections - readers.length),
    allowExitOnIdle: true,
  });
  // Without a listener an idle connection that the server closes would end the process.
  pool.on("error", (error) => log.warn({ error }, "lost an idle database connection"));
  let next = 0;

  async function borrow(): Promise<Loan> {
    away.assertHere();
    if (pool.waitingCount >= databaseLimits.poolWaitersMax) {
      throw unavailable(undefined, "too many wait for a database connection");
    }
    try {
      const client = await pool.connect();
      away.clear();
      return { client, release: (isBroken) => client.release(isBroken) };
    } catch (error) {
      // A full pool says nothing about the server; a refused connection does.
      if (isAway(error) && pool.totalCount < pool.options.max) away.set();
      throw toFailure(error);
    }
  }

  return {
    async read<T>(statement: Sql) {
      away.assertHere();
      next = (next + 1) % readers.length;
      return (await readers[next]!.query(statement)).rows as T[];
    },
    async query<T>(statement: Sql) {
      const { client, release } = await borrow();
      let isBroken = false;
      try {
        return toResult<T>(await client.query(toQuery(statement)));
      } catch (error) {
        isBroken = isAway(error);
        throw toFailure(error);
      } finally {
        release(isBroken);
      }
    },
    withTransaction: (body, settings) => runTransaction(borrow, body, settings),
    stats: () => ({
      total: pool.totalCount + readers.length,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
      readerPending: readers.reduce((sum, reader) => sum + reader.pendingCount, 0),
    }),
    async end() {
      await Promise.all([pool.end(), ...readers.map((reader) => reader.end())]);
    },
  };
}

/**
 * Set by a failed connection: for a second everybody is refused at once, in place of waiting for
 * the same failure. Cleared by the first connection that succeeds.
 */
function createAwayMark() {
  let untilMs = 0;
  return {
    set: () => void (untilMs = systemClock.monotonicMs() + databaseLimits.failFastMs),
    clear: () => void (untilMs = 0),
    assertHere() {
      if (untilMs > 0 && systemClock.monotonicMs() < untilMs) {
        throw unavailable(undefined, "the database was away a moment ago");
      }
    },
  };
}

/** One dedicated connection: it listens on a channel and runs statements of its own. */
export interface Listener {
  read<T = Record<string, unknown>>(statement: Sql): Promise<T[]>;
  query<T = Record<string, unknown>>(statement: Sql): Promise<Result<T>>;
  close(): Promise<void>;
}

export interface ListenerOptions extends ConnectionOptions {
  /** A plain SQL name. */
  readonly channel: string;
  readonly log: Logger;
  onNotification(payload: string): void;
  /** Also after a loss: whatever was notified in between was missed. */
  onConnected(): void;
  onLost(): void;
}

/**
 * Connects, listens, and connects again when the connection is lost. A statement without an answer
 * in its time takes the connection for dead, so regular reads find a half-open one.
 */
export function openListener(options: ListenerOptions): Listener {
  const steady = createSteadyClient({
    open: () => {
      const client = new pg.Client({ ...clientConfig(options), pipeline: true });
      client.on("notification", (message) => options.onNotification(message.payload ?? ""));
      return client;
    },
    log: options.log,
    prepare: async (client) =>
      void (await client.query(`LISTEN ${pg.escapeIdentifier(options.channel)}`)),
    onConnected: options.onConnected,
    onLost: () => options.onLost(),
  });
  return {
    read: async <T>(statement: Sql) => (await steady.query(statement)).rows as T[],
    query: async <T>(statement: Sql) => toResult<T>(await steady.query(statement)),
    close: () => steady.end(),
  };
}
