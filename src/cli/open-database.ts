import { loadConfig, type Config } from "../platform/config.ts";
import { startEmbeddedPostgres } from "../platform/embedded-postgres.ts";
import { cliLimits } from "../platform/limits.ts";
import { createLogger, type Logger } from "../platform/log.ts";
import { migrate, waitingMigrations } from "../platform/migrate.ts";
import { createDatabase, type Database } from "../platform/postgres.ts";
import { CommandFailure } from "./command.ts";
import { printable, type Terminal } from "./terminal.ts";

export interface Workspace {
  readonly config: Config;
  readonly log: Logger;
  readonly database: Database;
}

/** A logger whose warnings and errors are lines on standard error. */
export function createTerminalLog(config: Config, terminal: Terminal): Logger {
  return createLogger(
    { ...config, logLevel: "warn" },
    {},
    {
      write(line) {
        const { message } = JSON.parse(line) as { message?: unknown };
        terminal.err(`brigade: ${printable(String(message))}`);
      },
    },
  );
}

/**
 * Lends the address of the database. The embedded one is started, or attached to when it runs, and
 * stopped afterwards unless another process uses it.
 */
export async function withDatabaseUrl<T>(
  config: Config,
  log: Logger,
  use: (url: string) => Promise<T>,
): Promise<T> {
  if (config.databaseUrl !== undefined) return await use(config.databaseUrl);
  const embedded = await startEmbeddedPostgres(config.dataDir, { log });
  try {
    return await use(embedded.url);
  } finally {
    await embedded.stop();
  }
}

/** Lends a database that is up to date: outside production it is migrated here. */
export async function withWorkspace<T>(
  terminal: Terminal,
  use: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  const config = loadConfig();
  const log = createTerminalLog(config, terminal);
  return await withDatabaseUrl(config, log, async (url) => {
    if (config.environment === "production") await assertMigrated(url, log);
    else await migrate(url, log);
    const database = createDatabase({
      url,
      connections: cliLimits.connectionsCount,
      applicationName: "brigade cli",
      statementTimeoutMs: cliLimits.statementTimeoutMs,
      log,
    });
    try {
      return await use({ config, log, database });
    } finally {
      await database.end();
    }
  });
}

/** In production migrations are a step of their own, not a side effect of listing users. */
async function assertMigrated(url: string, log: Logger): Promise<void> {
  const [first] = await waitingMigrations(url, log);
  if (first === undefined) return;
  throw new CommandFailure(`the database lacks the migration ${first}: run brigade migrate`);
}
