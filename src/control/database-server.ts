import type { Config } from "../platform/config.ts";
import { openEmbeddedPostgres, type EmbeddedPostgres } from "../platform/embedded-postgres.ts";
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
  const embedded = openEmbeddedPostgres(config.dataDir, { log });
  const opened = own(embedded.opened, config, log, lifecycle);
  // Whoever started it may fail before it is waited for.
  opened.catch(() => {});
  return { isFresh: embedded.isFresh, opened };
}

async function own(
  opened: Promise<EmbeddedPostgres>,
  config: Config,
  log: Logger,
  lifecycle: Lifecycle,
): Promise<DatabaseServer> {
  const embedded = await opened;
  log.debug({ reused: embedded.reused }, "the embedded PostgreSQL runs");
  if (!config.underProcessManager) {
    lifecycle.own("embedded PostgreSQL", () => embedded.stop());
  }
  return { url: embedded.url };
}
