import type { Config } from "../platform/config.ts";
import { isEmptyDataDir, startEmbeddedPostgres } from "../platform/embedded-postgres.ts";
import type { Lifecycle } from "../platform/lifecycle.ts";
import type { Logger } from "../platform/log.ts";

export interface DatabaseServer {
  readonly url: string;
}

/** The server as soon as it takes connections, and whether it is made from nothing meanwhile. */
export interface OpeningServer {
  readonly isFresh: boolean;
  readonly opened: Promise<DatabaseServer>;
}

/**
 * The configured server, or the embedded one of the data folder. Under a watcher or PM2 nobody
 * stops the embedded server: the next start attaches to it.
 */
export function openDatabaseServer(
  config: Config,
  log: Logger,
  lifecycle: Lifecycle,
): OpeningServer {
  if (config.databaseUrl !== undefined) {
    return { isFresh: false, opened: Promise.resolve({ url: config.databaseUrl }) };
  }
  const isFresh = isEmptyDataDir(config.dataDir);
  const opened = openEmbedded(config, log, lifecycle);
  // Whoever started it may fail before it is waited for.
  opened.catch(() => {});
  return { isFresh, opened };
}

async function openEmbedded(
  config: Config,
  log: Logger,
  lifecycle: Lifecycle,
): Promise<DatabaseServer> {
  const embedded = await startEmbeddedPostgres(config.dataDir, { log });
  log.debug({ reused: embedded.reused }, "the embedded PostgreSQL runs");
  if (!config.underProcessManager) {
    lifecycle.own("embedded PostgreSQL", () => embedded.stop());
  }
  return { url: embedded.url };
}
