import { activityLimits as limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Database } from "../../platform/postgres.ts";
import type { AuthCache } from "../cache/auth-cache.ts";
import { noteActivity } from "./store-end.ts";

export interface ActivityOptions {
  readonly database: Pick<Database, "query">;
  readonly cache: Pick<AuthCache, "takeUsedSessions">;
  readonly log: Logger;
}

export interface SessionActivity {
  /** Writes down what was used since the last time. Never rejects. */
  flush(): Promise<void>;
  /** Writes down the rest, and no more after it. */
  stop(): Promise<void>;
}

/**
 * Keeps `seen_at` of the sessions of one thread: a request only marks its cache entry, and one
 * statement now and then writes down all that were marked. When it fails they are forgotten: the
 * next use marks them again, and nothing is decided by this time.
 */
export function createSessionActivity({ database, cache, log }: ActivityOptions): SessionActivity {
  async function flush(): Promise<void> {
    const used = cache.takeUsedSessions();
    try {
      for (let at = 0; at < used.length; at += limits.batchMaxCount) {
        await noteActivity(database, used.slice(at, at + limits.batchMaxCount));
      }
    } catch (error) {
      log.warn({ event: "activity_lost", sessions: used.length, err: error });
    }
  }
  // Spread, so that the threads of a cluster do not all come at once.
  const timer = setInterval(flush, limits.flushMs * (0.9 + Math.random() * 0.2));
  timer.unref();
  return {
    flush,
    async stop() {
      clearInterval(timer);
      await flush();
    },
  };
}
