import { systemClock } from "./clock.ts";
import { AppError } from "./errors.ts";
import type { Histogram, Metrics } from "./metrics.ts";
import type { Database } from "./postgres.ts";

/**
 * The same database, measured: how long reads, single statements and whole transactions take from
 * the asking to the answer, waiting for a connection included, and how many got none.
 */
export function withQueryTimes(database: Database, metrics: Metrics): Database {
  const seconds = (kind: string) =>
    metrics.histogram("brigade_database_query_seconds", "Work of the database, by its kind", {
      kind,
    });
  const times = {
    read: seconds("read"),
    query: seconds("query"),
    transaction: seconds("transaction"),
  };
  const failures = metrics.counter(
    "brigade_database_failures_total",
    "Work that the database did not answer",
  );
  const gauge = (state: string, read: () => number) =>
    metrics.gauge("brigade_database_connections", "Connections by their state", read, { state });
  gauge("idle", () => database.stats().idle);
  gauge("busy", () => database.stats().total - database.stats().idle);
  metrics.gauge("brigade_database_waiting", "Work that waits for a connection", () => {
    const { waiting, readerPending } = database.stats();
    return waiting + readerPending;
  });

  async function time<T>(histogram: Histogram, work: () => Promise<T>): Promise<T> {
    const beganMs = systemClock.monotonicMs();
    try {
      return await work();
    } catch (error) {
      if (error instanceof AppError && error.code === "unavailable") failures.add();
      throw error;
    } finally {
      histogram.observe((systemClock.monotonicMs() - beganMs) / 1_000);
    }
  }

  return {
    ...database,
    read: (statement) => time(times.read, () => database.read(statement)),
    query: (statement) => time(times.query, () => database.query(statement)),
    withTransaction: (body, options) =>
      time(times.transaction, () => database.withTransaction(body, options)),
  };
}
