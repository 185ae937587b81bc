import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { startEmbeddedPostgres } from "../../src/platform/embedded-postgres.ts";
import { migrate } from "../../src/platform/migrate.ts";
import { createDatabase, type Database } from "../../src/platform/postgres.ts";
import { silentLog } from "./log.ts";

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  drop(): Promise<void>;
}

/** The server that `test/run.ts` started and filled hands its address down by this name. */
export const SERVER_URL_VARIABLE = "BRIGADE_TEST_DATABASE";
/** And the template that it made there by this one. */
export const TEMPLATE_VARIABLE = "BRIGADE_TEST_TEMPLATE";
// Nothing here must outlive a power cut.
const FAST = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: "200",
};

export function testServerFolder(): string {
  return join(tmpdir(), `brigade-test-${process.getuid?.() ?? "w"}`);
}

/** Starts the test server, or attaches to the one that runs. */
export async function startTestServer(folder = testServerFolder()) {
  return startEmbeddedPostgres(folder, { log: silentLog, settings: FAST });
}

/**
 * Makes the template that this state of the migrations asks for, if it is not there, and answers
 * its name. Several processes may ask at once.
 */
export async function ensureTemplate(server: string): Promise<string> {
  const template = `base_${migrationsDigest()}`;
  await withServer(server, async (client) => {
    await client.query("SELECT pg_advisory_lock(7042)");
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [
      template,
    ]);
    if (rowCount !== 0) return;
    // Under another name until it is whole: a failed migration must leave no template.
    await client.query(`DROP DATABASE IF EXISTS ${template}_new WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${template}_new`);
    await migrate(databaseUrl(server, `${template}_new`), silentLog);
    await client.query(`ALTER DATABASE ${template}_new RENAME TO ${template}`);
  });
  return template;
}

function migrationsDigest(): string {
  const folder = fileURLToPath(new URL("../../src/platform/migrations", import.meta.url));
  const digest = createHash("sha256");
  for (const name of readdirSync(folder).sort())
    digest.update(name).update(readFileSync(join(folder, name)));
  return digest.digest("hex").slice(0, 16);
}

let source: Promise<{ server: string; template: string }> | undefined;

/** A database of one's own with every migration applied. Drop it at the end: `after(() => drop())`. */
export async function withDatabase(options: { connections?: number } = {}): Promise<TestDatabase> {
  source ??= findServer();
  const { server, template } = await source;
  const name = `t_${process.pid}_${randomBytes(6).toString("hex")}`;
  await withServer(server, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`),
  );
  const url = databaseUrl(server, name);
  const database = createDatabase({
    url,
    connections: options.connections ?? 5,
    applicationName: "test",
    log: silentLog,
  });
  return {
    url,
    database,
    async drop() {
      await database.end();
      await withServer(server, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

/** The same server, another database of it. */
export function databaseUrl(server: string, name: string): string {
  return server.replace(/^(postgres(?:ql)?:\/\/[^/]*\/)[^?]*/, `$1${name}`);
}

/** A plain connection to the server's own database, for what a test does behind our back. */
export async function withServer<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** A file that is run alone takes the server of the last one; it is left running for the next. */
async function findServer(): Promise<{ server: string; template: string }> {
  const server = process.env[SERVER_URL_VARIABLE] ?? (await startTestServer()).url;
  return { server, template: process.env[TEMPLATE_VARIABLE] ?? (await ensureTemplate(server)) };
}
