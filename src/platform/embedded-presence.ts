import type pg from "pg";
import { createClient } from "./postgres-client.ts";

/** Says to the other processes on the same embedded server that we still use it. */
export interface Presence {
  /** Withdraws; true for the last one, who may stop the server: nobody new gets in meanwhile. */
  withdraw(): Promise<boolean>;
  end(): Promise<void>;
}

// Any number that nothing else locks; the same in every process and version.
const LOCK_KEY = 7_041;
/** pg has both, its types do not. */
type RefClient = pg.Client & { ref(): void; unref(): void };
const ORDERLY_SHUTDOWN = "57P01";

/**
 * Holds a shared lock on a connection of its own for as long as the process uses the server; the
 * one who stops it takes the lock for himself alone. Fails while the server starts or stops.
 * `onLost` is told whether the server was asked to stop.
 */
export async function holdPresence(
  url: string,
  onLost: (isOrderly: boolean) => void,
): Promise<Presence> {
  const client = createClient({ url, applicationName: "brigade presence" }, false) as RefClient;
  let isOver = false;
  let isOrderly = false;
  client.on("error", (error: Error & { code?: string }) => {
    // The children of a killed server end with the same code, but say so (in English: our locale).
    isOrderly ||= error.code === ORDERLY_SHUTDOWN && !/unexpected/.test(error.message);
  });
  client.on("end", () => {
    if (!isOver) onLost(isOrderly);
    isOver = true;
  });
  try {
    await client.connect();
    await client.query("SELECT pg_advisory_lock_shared($1)", [LOCK_KEY]);
  } catch (error) {
    isOver = true;
    client.end().catch(() => {});
    throw error;
  }
  // To hold a lock is no reason to stay: a command line ends when its work is done.
  client.unref();
  return {
    async withdraw() {
      if (isOver) return false;
      isOver = true;
      client.ref();
      await client.query("SELECT pg_advisory_unlock_shared($1)", [LOCK_KEY]);
      const { rows } = await client.query<{ alone: boolean }>(
        "SELECT pg_try_advisory_lock($1) AS alone",
        [LOCK_KEY],
      );
      return rows[0]!.alone;
    },
    async end() {
      isOver = true;
      client.ref();
      await client.end();
    },
  };
}
