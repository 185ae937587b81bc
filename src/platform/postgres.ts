import type pg from "pg";
import type { Logger } from "./log.ts";
import {
  createClient,
  toQuery,
  toResult,
  type ConnectionOptions,
  type Result,
} from "./postgres-client.ts";
import { isStalePlan, toFailure } from "./postgres-errors.ts";
import { createPool } from "./postgres-pool.ts";
import { createSteadyClient } from "./postgres-reader.ts";
import {
  runTransaction,
  type Transaction,
  type TransactionOptions,
} from "./postgres-transaction.ts";
import { sql, type Sql } from "./sql.ts";

export { isUniqueViolation } from "./postgres-errors.ts";
export type { Result } from "./postgres-client.ts";
export type { Transaction, TransactionOptions } from "./postgres-transaction.ts";

/**
 * PostgreSQL as one thread sees it. Failures of the connection, the server or a time-out are
 * thrown as `unavailable` (503); a constraint's as pg's own error (`isUniqueViolation` …). 64-bit
 * integers arrive as numbers, calendar days and `numeric` as text.
 */
export interface Database {
  /**
   * A single reading statement on the pipelined connection. Short ones only: they queue, and have
   * one plan for all values.
   */
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
  const readerCount = options.readers ?? 1;
  const size = Math.max(1, options.connections - readerCount);
  const pool = createPool({ ...options, size });
  const readers = Array.from({ length: readerCount }, () =>
    createSteadyClient({
      open: () => createClient(options, true),
      log,
      // Made once, not for each value: what is read here is found by its key, and to plan it would
      // cost more than to read it.
      prepare: async (client) =>
        void (await client.query("SET plan_cache_mode = force_generic_plan")),
      onConnected: pool.clearAway,
    }),
  );
  let next = 0;

  async function run(statement: Sql): Promise<pg.QueryResult> {
    const loan = await pool.borrow();
    let ended: unknown;
    try {
      return await loan.client.query(toQuery(statement));
    } catch (error) {
      ended = error;
      throw error;
    } finally {
      loan.release(ended);
    }
  }

  return {
    async read<T>(statement: Sql) {
      next = (next + 1) % readers.length;
      return (await readers[next]!.read(statement)).rows as T[];
    },
    async query<T>(statement: Sql) {
      try {
        return toResult<T>(
          await run(statement).catch((error: unknown) => {
            // Nothing was run yet: the plan was refused.
            if (isStalePlan(error)) return run(statement);
            throw error;
          }),
        );
      } catch (error) {
        throw toFailure(error);
      }
    },
    withTransaction: (body, settings) => runTransaction(pool.borrow, body, settings),
    stats() {
      const { total, idle, waiting } = pool.stats();
      const readerPending = readers.reduce((sum, reader) => sum + reader.pendingCount(), 0);
      return { total: total + readers.length, idle, waiting, readerPending };
    },
    async end() {
      await Promise.all([pool.end(), ...readers.map((reader) => reader.end())]);
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
  const listen = sql`LISTEN ${sql.identifier(options.channel)}`;
  const steady = createSteadyClient({
    open: () => {
      const client = createClient(options, true);
      client.on("notification", (message) => options.onNotification(message.payload ?? ""));
      return client;
    },
    log: options.log,
    prepare: async (client) => void (await client.query(listen.text)),
    onConnected: () => options.onConnected(),
    onLost: () => options.onLost(),
  });
  return {
    read: async <T>(statement: Sql) => (await steady.read(statement)).rows as T[],
    query: async <T>(statement: Sql) => toResult<T>(await steady.query(statement)),
    close: () => steady.end(),
  };
}
