import type pg from "pg";
import { databaseLimits } from "./limits.ts";
import type { Logger } from "./log.ts";
import { toQuery } from "./postgres-client.ts";
import { isConnectionUsable, isStalePlan, toFailure, unavailable } from "./postgres-errors.ts";
import type { Sql } from "./sql.ts";

/** A connection that replaces itself when it is lost. */
export interface SteadyClient {
  /** A reading statement: sent again, once, if the connection was lost under it. */
  read(statement: Sql): Promise<pg.QueryResult>;
  query(statement: Sql): Promise<pg.QueryResult>;
  pendingCount(): number;
  end(): Promise<void>;
}

export interface SteadyClientOptions {
  /** Makes a client with `pipeline: true`: many callers share one round trip. */
  readonly open: () => pg.Client;
  readonly log: Logger;
  /** Run on each new connection before anybody else may use it. */
  readonly prepare?: (client: pg.Client) => Promise<void>;
  readonly onConnected?: () => void;
  readonly onLost?: () => void;
}

export function createSteadyClient(options: SteadyClientOptions): SteadyClient {
  const connection = keepConnected(options);
  let pendingCount = 0;

  async function send(statement: Sql): Promise<pg.QueryResult> {
    if (pendingCount >= databaseLimits.readsPendingMax) {
      throw unavailable(undefined, "too many reads are waiting");
    }
    pendingCount++;
    try {
      const client = connection.current() ?? (await connection.next());
      try {
        return await client.query(toQuery(statement));
      } catch (error) {
        if (!isConnectionUsable(error) || isStalePlan(error)) connection.replace(client, error);
        throw error;
      }
    } finally {
      pendingCount--;
    }
  }

  async function query(statement: Sql): Promise<pg.QueryResult> {
    try {
      return await send(statement);
    } catch (error) {
      throw toFailure(error);
    }
  }

  return {
    query,
    async read(statement) {
      try {
        return await send(statement);
      } catch (error) {
        // A time-out is not tried again: the second one would cost as much.
        const isLost = isStalePlan(error) || !isConnectionUsable(error);
        if (!isLost || isTimeout(error)) throw toFailure(error);
        return query(statement);
      }
    },
    pendingCount: () => pendingCount,
    end: connection.end,
  };
}

interface Connection {
  current(): pg.Client | undefined;
  /** The connection that is being made; rejects at once if the last attempt failed. */
  next(): Promise<pg.Client>;
  /** This one is of no use any more. */
  replace(client: pg.Client, reason: unknown): void;
  end(): Promise<void>;
}

/**
 * States: connecting → connected → (lost) connecting → … → ended. The first attempt after a loss
 * is made at once and callers wait for it. When it fails, attempts go on with pauses and callers
 * are refused at once until one succeeds.
 */
function keepConnected(options: SteadyClientOptions): Connection {
  let client: pg.Client | undefined;
  let attempt: Promise<pg.Client>;
  let timer: NodeJS.Timeout | undefined;
  let failure: unknown;
  let failedCount = 0;
  let isEnded = false;
  const given = new WeakSet<pg.Client>();

  function lose(lost: pg.Client, error: unknown): void {
    // The same loss is told by the statement, by the error and by the end of the connection.
    if (given.has(lost)) return;
    given.add(lost);
    if (client === lost) client = undefined;
    lost.end().catch(() => {});
    if (isEnded) return;
    options.log.warn({ error }, "lost a database connection");
    options.onLost?.();
    if (++failedCount === 1) return connect();
    failure = error;
    // Jitter, or all threads of all processes come back in the same millisecond.
    const pauseMs = databaseLimits.reconnectPauseMs * 2 ** failedCount * (0.5 + Math.random());
    timer = setTimeout(connect, Math.min(databaseLimits.reconnectPauseMaxMs, pauseMs));
    timer.unref();
  }

  function connect(): void {
    const opened = options.open();
    opened.on("error", (error) => lose(opened, error));
    opened.on("end", () => lose(opened, new Error("Connection terminated")));
    attempt = opened.connect().then(async () => {
      await options.prepare?.(opened);
      if (given.has(opened) || isEnded) throw new Error("Connection terminated");
      client = opened;
      failedCount = 0;
      failure = undefined;
      options.onConnected?.();
      return opened;
    });
    attempt.catch((error: unknown) => lose(opened, error));
  }

  connect();
  return {
    current: () => client,
    async next() {
      if (isEnded) throw unavailable(undefined, "the database was closed");
      if (failure !== undefined) throw unavailable(failure);
      return attempt;
    },
    replace: lose,
    async end() {
      isEnded = true;
      clearTimeout(timer);
      await Promise.allSettled([client?.end() ?? attempt.then((opened) => opened.end())]);
    },
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && /timeout/i.test(error.message);
}
