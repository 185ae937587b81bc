import pg from "pg";
import PgPool from "pg-pool";
import { systemClock } from "./clock.ts";
import { databaseLimits } from "./limits.ts";
import type { Logger } from "./log.ts";
import { clientConfig, type ConnectionOptions } from "./postgres-client.ts";
import {
  isAway,
  isConnectionUsable,
  isStalePlan,
  toFailure,
  unavailable,
} from "./postgres-errors.ts";

/** A connection on loan. Whoever borrows it gives it back, with the error that ended its use. */
export interface Loan {
  readonly client: pg.PoolClient;
  release(error?: unknown): void;
}

export interface Pool {
  borrow(): Promise<Loan>;
  stats(): { total: number; idle: number; waiting: number };
  /** The database answers again: nobody need be refused any more. */
  clearAway(): void;
  end(): Promise<void>;
}

export interface PoolOptions extends ConnectionOptions {
  readonly size: number;
  readonly log: Logger;
}

/**
 * Connections that are opened when needed and kept for a while. Waiting for one has an end, and so
 * has the queue of those who wait.
 */
export function createPool(options: PoolOptions): Pool {
  const away = createAwayMark();
  const plans = createPlanGenerations();
  const pool = new PgPool<pg.Client>({
    Client: pg.Client,
    ...clientConfig(options),
    connectionTimeoutMillis: databaseLimits.poolWaitMs,
    idleTimeoutMillis: databaseLimits.poolIdleMs,
    max: options.size,
    allowExitOnIdle: true,
  });
  // Without these two listeners (the second one tells) a connection that the server closes while it is idle, or lent and
  // idle in a transaction, would end the process.
  const warn = (error: Error) => options.log.warn({ error }, "lost a database connection");
  pool.on("error", () => {});
  pool.on("connect", (client) => {
    plans.born(client);
    client.on("error", warn);
  });

  async function connect(): Promise<pg.PoolClient> {
    try {
      for (;;) {
        const client = await pool.connect();
        if (plans.areFresh(client)) return client;
        client.release(true);
      }
    } catch (error) {
      // A full pool says nothing about the server; a connection that cannot be made does.
      if (isAway(error) && pool.totalCount < options.size) away.set();
      throw toFailure(error);
    }
  }

  return {
    async borrow() {
      away.assertHere();
      if (pool.waitingCount >= databaseLimits.poolWaitersMax) {
        throw unavailable(undefined, "too many wait for a database connection");
      }
      const client = await connect();
      away.clear();
      return {
        client,
        release(error) {
          if (isStalePlan(error)) plans.outdate();
          client.release(!isConnectionUsable(error) || !plans.areFresh(client));
        },
      };
    },
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    clearAway: away.clear,
    end: () => pool.end(),
  };
}

/**
 * Set by a connection that could not be made: for a second everybody is refused at once, in place
 * of waiting for the same failure. Cleared by the first connection that succeeds.
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

/**
 * A migration elsewhere can make the plans that our connections keep useless. The first one that
 * says so outdates all of them: else each caller would meet the next stale connection.
 */
function createPlanGenerations() {
  const generations = new WeakMap<object, number>();
  let current = 0;
  return {
    born: (client: object) => void generations.set(client, current),
    areFresh: (client: object) => generations.get(client) === current,
    outdate: () => void current++,
  };
}
