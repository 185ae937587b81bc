import { loadConfig, type Config } from "../platform/config.ts";
import { startEmbeddedPostgres } from "../platform/embedded-postgres.ts";
import { cliLimits } from "../platform/limits.ts";
import { createLogger, type Logger } from "../platform/log.ts";
import { migrate } from "../platform/migrate.ts";
import { createDatabase, type Database } from "../platform/postgres.ts";
import { printable, type Terminal } from "./terminal.ts";

export interface Workspace {
  readonly config: Config;
  readonly log: Logger;
  readonly database: Database;
  readonly url: string;
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

/** Where the database is; the embedded one is started, or attached to when it runs. */
export async function locateDatabase(config: Config, log: Logger): Promise<string> {
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  return (await startEmbeddedPostgres(config.dataDir, { log })).url;
}

/** Lends a migrated database and closes it again. Outside production it is migrated here. */
export async function withWorkspace<T>(
  terminal: Terminal,
  use: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  const config = loadConfig();
  const log = createTerminalLog(config, terminal);
  const url = await locateDatabase(config, log);
  if (config.environment !== "production") await migrate(url, log);
  const database = createDatabase({
    url,
    connections: cliLimits.connectionsCount,
    applicationName: "brigade cli",
    statementTimeoutMs: cliLimits.statementTimeoutMs,
    log,
  });
  try {
    return await use({ config, log, database, url });
  } finally {
    await database.end();
  }
}
