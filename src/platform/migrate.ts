import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { platformErrors } from "./errors.ts";
import { migrationLimits } from "./limits.ts";
import type { Logger } from "./log.ts";

interface Migration {
  readonly name: string;
  readonly text: string;
  readonly checksum: string;
}

// Any number that nothing else locks; the same in every process and version.
const LOCK_KEY = 7_040;

const CREATE_TABLE = `
  CREATE TABLE IF NOT EXISTS public.brigade_migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`;

/**
 * Brings the database up to the files of `platform/migrations`, each in a transaction of its own,
 * and answers the names it applied. Of several processes one does it and the others wait. Throws
 * when a file that was applied has changed since.
 * A session lock needs a direct connection, not a transaction pooler.
 */
export async function migrate(
  url: string,
  log: Logger,
  folder = migrationsFolder(),
): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const client = await connect(url, log);
  try {
    // The usual start: one question, no lock, no write.
    const before = await readApplied(client);
    warnOfUnknown(migrations, before, log);
    if (toApply(migrations, before).length === 0) return [];
    await client.query(`SET lock_timeout = ${migrationLimits.lockTimeoutMs}`);
    await client.query("SELECT pg_advisory_lock($1)", [LOCK_KEY]);
    // Nothing is in it yet that a power cut could take, and the first write that counts flushes all.
    if (before.size === 0) await client.query("SET synchronous_commit = off");
    await client.query(CREATE_TABLE);
    const waiting = toApply(migrations, await readApplied(client));
    for (const migration of waiting) {
      await apply(client, migration);
      log.info({ migration: migration.name }, "migrated");
    }
    return waiting.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

/** The names of migrations that the database has not seen; changes nothing. Throws like `migrate`. */
export async function waitingMigrations(
  url: string,
  log: Logger,
  folder = migrationsFolder(),
): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const client = await connect(url, log);
  try {
    return toApply(migrations, await readApplied(client)).map(({ name }) => name);
  } finally {
    await client.end();
  }
}

async function connect(url: string, log: Logger): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "brigade migrate",
    connectionTimeoutMillis: migrationLimits.lockTimeoutMs,
    statement_timeout: migrationLimits.statementTimeoutMs,
  });
  client.on("error", (error) => log.warn({ error }, "lost the migration connection"));
  await client.connect();
  return client;
}

function migrationsFolder(): string {
  return fileURLToPath(new URL("migrations", import.meta.url));
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name) => {
      // A checkout may have turned the ends of lines; the statements are the same.
      const text = (await readFile(`${folder}/${name}`, "utf8")).replaceAll("\r\n", "\n");
      const [up = ""] = text.split(/^-- Down Migration.*$/m);
      return { name, text: up, checksum: createHash("sha256").update(text).digest("hex") };
    }),
  );
}

async function readApplied(client: pg.Client): Promise<Map<string, string>> {
  try {
    const { rows } = await client.query<{ name: string; checksum: string }>(
      "SELECT name, checksum FROM public.brigade_migrations",
    );
    return new Map(rows.map((row) => [row.name, row.checksum]));
  } catch (error) {
    if ((error as { code?: string }).code === "42P01") return new Map();
    throw error;
  }
}

/** A newer version ran here: usual in the middle of a rolling deploy, or after a step back. */
function warnOfUnknown(
  migrations: readonly Migration[],
  applied: ReadonlyMap<string, string>,
  log: Logger,
): void {
  const known = new Set(migrations.map((migration) => migration.name));
  const unknown = [...applied.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0)
    log.warn({ migrations: unknown }, "the database is ahead of this program");
}

function toApply(
  migrations: readonly Migration[],
  applied: ReadonlyMap<string, string>,
): Migration[] {
  for (const { name, checksum } of migrations) {
    const before = applied.get(name);
    if (before !== undefined && before !== checksum) {
      throw platformErrors.failure("internal", {
        detail: `the migration ${name} was changed after it had been applied`,
      });
    }
  }
  return migrations.filter((migration) => !applied.has(migration.name));
}

async function apply(client: pg.Client, { name, text, checksum }: Migration): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(text);
    await client.query("INSERT INTO public.brigade_migrations (name, checksum) VALUES ($1, $2)", [
      name,
      checksum,
    ]);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw platformErrors.failure("internal", { note: `migration ${name} failed`, cause: error });
  }
}
