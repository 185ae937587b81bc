import { listSealedByOthers } from "../auth/keys/reseal.ts";
import { createSealer } from "../auth/keys/sealer.ts";
import { readSealingKeys } from "../auth/keys/sealing-keys.ts";
import { readKeys } from "../auth/keys/store.ts";
import { listKeys, type ListedKey } from "../auth/keys/store-rows.ts";
import { countUntoldForms, SEALED_TYPEFORM_KEYS } from "../contexts/client-onboarding/index.ts";
import { systemClock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import { AppError } from "../platform/errors.ts";
import { randomToken } from "../platform/ids.ts";
import { cliLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { waitingMigrations } from "../platform/migrate.ts";
import { createDatabase, openListener, type Database } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import {
  found,
  severityOf,
  well,
  type Finding,
  type FindingCode,
  type Tell,
} from "./doctor-findings.ts";

/**
 * Looks at the server, and goes no further than the first thing that makes the rest pointless.
 * Answers the kid of the key that signs, where it could be read.
 */
export async function examineDatabase(
  config: Config,
  url: string,
  log: Logger,
  tell: Tell,
): Promise<readonly string[]> {
  const database = createDatabase({
    url,
    connections: cliLimits.connectionsCount,
    applicationName: "brigade doctor",
    log,
  });
  try {
    const reached = await reachable(database, config);
    tell(reached);
    if (severityOf(reached) === "error") return [];
    tell(await clockOf(database));
    tell(await connectionsOf(database, config));
    tell(await notifications(database, url, log));
    const migrations = await migrationsOf(url, log);
    tell(migrations);
    if (migrations.code !== undefined) return [];
    const kids = await examineKeys(database, config, tell);
    tell(await secretsOf(database, config));
    const ofTypeform = await typeformOf(database, config);
    if (ofTypeform !== undefined) tell(ofTypeform);
    return kids;
  } finally {
    await database.end();
  }
}

function failed(name: string, code: FindingCode, error: unknown): Finding {
  const { message } = error as Error;
  const note = error instanceof AppError ? (error.note ?? causeOf(error)) : undefined;
  return found(name, code, note === undefined ? message : `${message} (${note})`);
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
    const where = config.databaseUrl === undefined ? "embedded" : "DATABASE_URL";
    const text = `PostgreSQL ${major} (${where})`;
    if (major < cliLimits.serverVersionMin) return found(name, "database_too_old", text);
    if (major > cliLimits.serverVersionMax) return found(name, "database_untried", text);
    return well(name, text);
  } catch (error) {
    return failed(name, "database_away", error);
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
  if (apartMs > cliLimits.clockApartMaxMs) return found("clock", "clock_far_apart", text);
  if (apartMs > cliLimits.clockApartWarnMs) return found("clock", "clock_apart", text);
  return well("clock", text);
}

/** During a reload there are twice as many processes. */
async function connectionsOf(database: Database, config: Config): Promise<Finding> {
  const { rows } = await database.query<{ free: number }>(sql`
    SELECT current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int AS free`);
  const { free } = rows[0]!;
  const needed = config.webConcurrency * config.databaseConnections;
  const text = `${needed} wanted, ${2 * needed} in a reload, ${free} to be had`;
  if (needed > free) return found("connections", "connections_exceeded", text);
  if (2 * needed > free) return found("connections", "connections_few", text);
  return well("connections", text);
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
  return heard ? well(name, "arrive") : found(name, "notifications_lost", "do not arrive");
}

async function migrationsOf(url: string, log: Logger): Promise<Finding> {
  const name = "migrations";
  try {
    const waiting = await waitingMigrations(url, log);
    return waiting.length === 0
      ? well(name, "up to date")
      : found(name, "migrations_waiting", waiting.join(", "));
  } catch (error) {
    return failed(name, "migrations_changed", error);
  }
}

/** What is sealed beside the keys, and must open when somebody needs it. */
async function secretsOf(database: Database, config: Config): Promise<Finding> {
  const name = "sealed secrets";
  try {
    const others = await listSealedByOthers(database, config, [SEALED_TYPEFORM_KEYS]);
    if (others.length === 0) return well(name, "all by the first key-encryption key");
    const text = others.map((row) => `${row.count} ${row.name} by ${row.keyId}`).join(", ");
    const isKnown = others.every((row) => row.isKnown);
    return found(name, isKnown ? "secrets_sealed_by_older" : "secrets_sealed_by_unknown", text);
  } catch (error) {
    return failed(name, "keys_unreadable", error);
  }
}

/** Whether TypeForm knows every form by the present secret and key. */
async function typeformOf(database: Database, config: Config): Promise<Finding | undefined> {
  const counted = await countUntoldForms({ database, config, sealer: createSealer(config) });
  if (counted === undefined) return undefined;
  const { total, untold } = counted;
  const name = "TypeForm";
  return untold === 0
    ? well(name, `${total} forms, all told`)
    : found(name, "typeform_untold", `${untold} of ${total} forms`);
}

const ROTATION_STUCK_MS = 3_600_000;

async function examineKeys(
  database: Database,
  config: Config,
  tell: Tell,
): Promise<readonly string[]> {
  const name = "keys";
  try {
    const { signatures, macs } = await readKeys(database, config);
    const count = signatures.length + macs.length;
    tell(well(name, count === 0 ? "none yet" : `${count}, all sound`));
    const [first] = await readSealingKeys(config);
    const listed = (await listKeys(database)).filter(({ state }) => state !== "gone");
    const older = listed.filter(({ sealedWith }) => sealedWith !== first?.id);
    const named = (keys: readonly ListedKey[]) => keys.map(({ kid }) => kid).join(" ");
    if (older.length > 0) tell(found(name, "keys_sealed_by_older", named(older)));
    const since = systemClock.nowMs() - ROTATION_STUCK_MS;
    const stuck = listed.filter((key) => (key.rotationAskedAt?.getTime() ?? Infinity) < since);
    if (stuck.length > 0) tell(found(name, "key_rotation_stuck", named(stuck)));
    return signatures.filter(({ state }) => state === "active").map(({ kid }) => kid);
  } catch (error) {
    tell(failed(name, "keys_unreadable", error));
    return [];
  }
}
