import type pg from "pg";
import type { Logger } from "./log.ts";
import { databaseLimits } from "./limits.ts";
import { isAway, toFailure, unavailable } from "./postgres-errors.ts";
import { toQuery } from "./postgres-client.ts";
import type { Sql } from "./sql.ts";

/** A connection that replaces itself when it is lost. */
export interface SteadyClient {
  /** Single statements, pipelined: many callers share one round trip. */
  query(statement: Sql): Promise<pg.QueryResult>;
  /** Settles with the connection attempt that runs now; rejects when it failed. */
  ready(): Promise<pg.Client>;
  readonly pendingCount: number;
  end(): Promise<void>;
}

export interface SteadyClientOptions {
  readonly open: () => pg.Client;
  readonly log: Logger;
  /** Run on each new connection before anybody else may use it. */
  readonly prepare?: (client: pg.Client) => Promise<void>;
  readonly onConnected?: () => void;
  /** The connection was lost, or an attempt to make one failed. */
  readonly onLost?: (error: Error) => void;
}

/**
 * States: connecting → connected → (lost) waiting → connecting … → ended. While it is connecting
 * for the first time after a loss, callers wait for that attempt; once it has failed they are
 * refused at once until one succeeds.
 */
export function createSteadyClient(options: SteadyClientOptions): SteadyClient {
  let client: pg.Client | undefined;
  let attempt: Promise<pg.Client>;
  let timer: NodeJS.Timeout | undefined;
  let failedCount = 0;
  let pendingCount = 0;
  let isEnded = false;
  connect();

  function connect(): void {
    const opened = options.open();
    let isLost = false;
    const lose = (error: Error) => {
      if (isLost) return;
      isLost = true;
      if (client === opened) client = undefined;
      opened.end().catch(() => {});
      if (isEnded) return;
      options.onLost?.(error);
      again();
    };
    opened.on("error", lose);
    opened.on("end", () => lose(new Error("Connection terminated")));
    attempt = opened.connect().then(async () => {
      await options.prepare?.(opened);
      if (isLost) throw new Error("Connection terminated unexpectedly");
      client = opened;
      failedCount = 0;
      options.onConnected?.();
      return opened;
    });
    attempt.catch((error: unknown) => lose(error as Error));
  }

  function again(): void {
    const pauseMs = Math.min(
      databaseLimits.reconnectPauseMaxMs,
      databaseLimits.reconnectPauseMs * 2 ** failedCount,
    );
    failedCount++;
    // The first attempt is made at once: a single lost connection costs its callers no refusal.
    if (failedCount === 1) return connect();
    // Jitter, or all threads of all processes come back in the same millisecond.
    timer = setTimeout(connect, pauseMs * (0.5 + Math.random()));
    timer.unref();
  }

  async function query(statement: Sql): Promise<pg.QueryResult> {
    if (isEnded) throw unavailable(undefined, "the database was closed");
    if (pendingCount >= databaseLimits.readsPendingMax) {
      throw unavailable(undefined, "too many reads are waiting");
    }
    pendingCount++;
    try {
      return await (client ?? (await attempt)).query(toQuery(statement));
    } catch (error) {
      if (isAway(error)) options.log.warn({ error }, "a read found the database away");
      throw toFailure(error);
    } finally {
      pendingCount--;
    }
  }

  return {
    query,
    ready: () => attempt,
    get pendingCount() {
      return pendingCount;
    },
    async end() {
      isEnded = true;
      clearTimeout(timer);
      await client?.end();
    },
  };
}
