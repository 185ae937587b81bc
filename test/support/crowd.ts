import type { Database } from "../../src/platform/postgres.ts";

/**
 * Calls `call` with 0, 1, 2 …, `width` of them at any time, each of whom finds a connection open
 * in every pool: a machine that is busy keeps nobody waiting for longer than a process lets its
 * callers wait.
 */
export async function crowd<T>(
  pools: readonly Database[],
  count: number,
  width: number,
  call: (at: number) => Promise<T>,
): Promise<T[]> {
  for (const pool of pools) await openConnections(pool, width);
  const results = Array.from<T>({ length: count });
  let next = 0;
  const caller = async () => {
    for (let at = next++; at < count; at = next++) results[at] = await call(at);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, caller));
  return results;
}

/**
 * Opens `count` connections of a pool, one after the other. Those who come at once then find one
 * each, and none of them waits while a busy machine makes many.
 */
export async function openConnections(database: Database, count: number): Promise<void> {
  if (count > 0) await database.withTransaction(() => openConnections(database, count - 1));
}
