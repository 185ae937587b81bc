import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startEmbeddedPostgres, stopEmbedded } from "../../src/platform/embedded-postgres.ts";
import { withDatabase } from "../support/database.ts";
import { silentLog } from "../support/log.ts";
import { createBrigade, createInlineBrigade } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "brigade-cli-db-"));
// The account of the database server must be able to enter it.
chmodSync(folder, 0o755);
const DATA_DIR = join(folder, "data");
after(async () => {
  await stopEmbedded(DATA_DIR);
  rmSync(folder, { recursive: true, force: true });
});
const brigade = createInlineBrigade({ DATA_DIR });

test("without DATABASE_URL a command starts the embedded database and leaves none running", async () => {
  const migrated = await createBrigade({ DATA_DIR })(["migrate"]);
  assert.equal(migrated.code, 0, migrated.stderr);
  assert.match(migrated.stdout, /^001_accounts\.sql\n[^]*004_iam\.sql\n/);
  const idle = await brigade(["db", "stop"]);
  assert.deepEqual([idle.code, idle.stdout], [0, "was not running\n"]);
});

test("a command uses the database of another process and leaves it running; db stop stops it", async () => {
  const other = await startEmbeddedPostgres(DATA_DIR, { log: silentLog });
  const again = await brigade(["migrate"]);
  assert.deepEqual([again.code, again.stdout], [0, ""]);
  assert.match(again.stderr, /up to date/);
  const stopped = await brigade(["db", "stop"]);
  assert.deepEqual([stopped.code, stopped.stdout], [0, "stopped\n"]);
  await other.stop();
});

test("db stop does not touch a server of DATABASE_URL", async () => {
  const ran = await brigade(["db", "stop"], {
    env: { DATABASE_URL: "postgres://a@127.0.0.1:1/b" },
  });
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /not ours to stop/);
});

test("in production commands ask for the migration and do not do it", async (t) => {
  const { url, database, drop } = await withDatabase();
  t.after(drop);
  await database.query({
    text: "DELETE FROM public.brigade_migrations WHERE name = '004_iam.sql'",
    values: [],
  });
  const ran = await brigade(["roles", "list"], {
    env: {
      NODE_ENV: "production",
      DATABASE_URL: url,
      PUBLIC_URL: "https://api.example",
      KEY_ENCRYPTION_KEYS: `one:${Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64")}`,
    },
  });
  assert.deepEqual([ran.code, ran.stdout], [1, ""]);
  assert.match(ran.stderr, /lacks the migration 004_iam\.sql: run brigade migrate/);
});
