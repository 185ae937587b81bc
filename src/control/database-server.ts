import { existsSync } from "node:fs";
import { join } from "node:path";
import { prepareKeys, type PreparedKeys } from "../auth/keys/store.ts";
import type { Config } from "../platform/config.ts";
import { startEmbeddedPostgres } from "../platform/embedded-postgres.ts";
import type { Lifecycle } from "../platform/lifecycle.ts";
import type { Logger } from "../platform/log.ts";

export interface DatabaseServer {
  readonly url: string;
}

/**
 * The configured server, or the embedded one of the data folder. Under a watcher or PM2 nobody
 * stops the embedded server: the next start attaches to it.
 */
export async function openDatabaseServer(
  config: Config,
  log: Logger,
  lifecycle: Lifecycle,
): Promise<DatabaseServer> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl };
  const embedded = await startEmbeddedPostgres(config.dataDir, { log });
  log.debug({ reused: embedded.reused }, "the embedded PostgreSQL runs");
  if (!config.underProcessManager) {
    lifecycle.own("embedded PostgreSQL", () => embedded.stop());
  }
  return { url: embedded.url };
}

/** On a fresh folder the first keys are made while the database is. */
export function preparedKeysFor(config: Config): PreparedKeys {
  const isFresh = config.databaseUrl === undefined && !existsSync(join(config.dataDir, "postgres"));
  return isFresh ? prepareKeys(config) : [];
}
