import { readKeys } from "../auth/keys/store.ts";
import { systemClock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import { AppError } from "../platform/errors.ts";
import { randomToken } from "../platform/ids.ts";
import { cliLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { waitingMigrations } from "../platform/migrate.ts";
import { createDatabase, openListener, type Database } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import type { Finding } from "./doctor.ts";

type Tell = (finding: Finding) => void;

/** Looks at the server, and goes no further than the first thing that makes the rest pointless. */
export async function examineDatabase(
  config: Config,
  url: string,
  log: Logger,
  tell: Tell,
): Promise<void> {
  const database = createDatabase({
    url,
    connections: cliLimits.connectionsCount,
    applicationName: "brigade doctor",
    log,
  });
  try {
    const reached = await reachable(database, config);
    tell(reached);
    if (reached.verdict === "fail") return;
    tell(await clockOf(database));
    tell(await connectionsOf(database, config));
    tell(await notifications(database, url, log));
    const migrations = await migrationsOf(url, log);
    tell(migrations);
    if (migrations.verdict === "ok") tell(await keysOf(database, config));
  } finally {
    await database.end();
  }
}

function failed(name: string, error: unknown): Finding {
  const { message } = error as Error;
  const note = error instanceof AppError ? (error.note ?? causeOf(error)) : undefined;
  return { name, verdict: "fail", text: note === undefined ? message : `${message} (${note})` };
}

function causeOf(error: Error): string | undefined {
  return error.cause instanceof Error ? error.cause.message : undefined;
}

async function reachable(database: Database, config: Config): Promise<Finding> {
  const name = "database";
  try {
    const { rows } = await database.query<{ version: string }>(
      sql`SELECT current_setting('server_version_num') AS version`,
    );
    const major = Math.floor(Number(rows[0]!.version) / 10_000);
    const isKnown = major >= cliLimits.serverVersionMin && major <= cliLimits.serverVersionMax;
    const where = config.databaseUrl === undefined ? "embedded" : "DATABASE_URL";
    return {
      name,
      verdict: major < cliLimits.serverVersionMin ? "fail" : isKnown ? "ok" : "warn",
      text: `PostgreSQL ${major} (${where})${isKnown ? "" : ": tried with 15 to 18"}`,
    };
  } catch (error) {
    return failed(name, error);
  }
}

/** Sessions end by the database's clock, tokens by ours. */
async function clockOf(database: Database): Promise<Finding> {
  const beforeMs = systemClock.nowMs();
  const { rows } = await database.query<{ ms: number }>(
    sql`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`,
  );
  // Anything in between is as good as equal.
  const afterMs = systemClock.nowMs();
  const theirsMs = rows[0]!.ms;
  const apartMs = Math.max(0, beforeMs - theirsMs, theirsMs - afterMs);
  return clockFinding(apartMs);
}

export function clockFinding(apartMs: number): Finding {
  const text = `${(apartMs / 1000).toFixed(1)} s apart from the database's`;
  if (apartMs > cliLimits.clockApartMaxMs) return { name: "clock", verdict: "fail", text };
  return { name: "clock", verdict: apartMs > cliLimits.clockApartWarnMs ? "warn" : "ok", text };
}

/** During a reload there are twice as many processes. */
async function connectionsOf(database: Database, config: Config): Promise<Finding> {
  const { rows } = await database.query<{ free: number }>(sql`
    SELECT current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int AS free`);
  const { free } = rows[0]!;
  const needed = 2 * config.webConcurrency * config.databaseConnections;
  return {
    name: "connections",
    verdict: needed <= free ? "ok" : "warn",
    text: `${needed} wanted in a reload, ${free} to be had`,
  };
}

/** A transaction pooler accepts LISTEN and delivers nothing. */
async function notifications(database: Database, url: string, log: Logger): Promise<Finding> {
  const name = "notifications";
  const payload = randomToken(9);
  const channel = "brigade_doctor";
  let listener: ReturnType<typeof openListener> | undefined;
  const heard = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), cliLimits.notificationWaitMs);
    const hear = () => {
      clearTimeout(timer);
      resolve(true);
    };
    listener = openListener({
      url,
      channel,
      applicationName: "brigade doctor",
      log,
      onNotification: (text) => text === payload && hear(),
      onConnected: () =>
        void database.query(sql`SELECT pg_notify(${channel}, ${payload})`).catch(() => {}),
      onLost: () => {},
    });
  });
  await listener?.close();
  return heard
    ? { name, verdict: "ok", text: "arrive" }
    : {
        name,
        verdict: "warn",
        text: "do not arrive: behind a transaction pooler? Give a direct connection",
      };
}

async function migrationsOf(url: string, log: Logger): Promise<Finding> {
  const name = "migrations";
  try {
    const waiting = await waitingMigrations(url, log);
    return waiting.length === 0
      ? { name, verdict: "ok", text: "up to date" }
      : { name, verdict: "warn", text: `${waiting.join(", ")} not applied: brigade migrate` };
  } catch (error) {
    return failed(name, error);
  }
}

async function keysOf(database: Database, config: Config): Promise<Finding> {
  const name = "signing keys";
  try {
    const { signatures, macs } = await readKeys(database, config);
    const count = signatures.length + macs.length;
    return { name, verdict: "ok", text: count === 0 ? "none yet" : `${count}, all opened` };
  } catch (error) {
    return failed(name, error);
  }
}
