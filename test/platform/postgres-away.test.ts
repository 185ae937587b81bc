import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { startEmbeddedPostgres, stopEmbedded } from "../../src/platform/embedded-postgres.ts";
import { AppError } from "../../src/platform/errors.ts";
import { createPool } from "../../src/platform/postgres-pool.ts";
import { createDatabase, openListener } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { startChaosProxy } from "../support/chaos-proxy.ts";
import { withDatabase, withServer, type TestDatabase } from "../support/database.ts";
import { silentLog } from "../support/log.ts";

let db: TestDatabase;
before(async () => (db = await withDatabase()));
after(() => db.drop());

const isUnavailable = (error: unknown) =>
  error instanceof AppError &&
  error.code === "unavailable" &&
  error.headers?.["retry-after"] === "1";

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`waited in vain until ${what}`);
}

/** A listener that keeps what it is told. */
function listen(t: TestContext, url: string, statementTimeoutMs?: number) {
  const heard: string[] = [];
  const listener = openListener({
    url,
    channel: "news",
    applicationName: "listener",
    log: silentLog,
    ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
    onNotification: (payload) => heard.push(payload),
    onConnected: () => heard.push("(connected)"),
    onLost: () => heard.push("(lost)"),
  });
  t.after(() => listener.close());
  return { listener, heard };
}

test("a listener hears what is committed, and nothing that was rolled back", async (t) => {
  const { heard } = listen(t, db.url);
  await until("it listens", () => heard.length === 1);
  await db.database
    .withTransaction(async (tx) => {
      await tx.query(sql`select pg_notify('news', 'never')`);
      throw new Error("changed my mind");
    })
    .catch(() => {});
  await db.database.query(sql`select pg_notify('news', ${"one"})`);
  await db.database.query(sql`select pg_notify('other', 'elsewhere')`);
  await db.database.query(sql`select pg_notify('news', ${""})`);
  await until("it heard both", () => heard.length === 3);
  assert.deepEqual(heard, ["(connected)", "one", ""]);
});

test("a listener runs statements of its own on the connection that listens", async (t) => {
  const { listener } = listen(t, db.url);
  const rows = await Promise.all(
    [1, 2, 3].map((n) =>
      listener.read<{ n: number; pid: number }>(
        sql`select ${n}::int as n, pg_backend_pid() as pid`,
      ),
    ),
  );
  assert.deepEqual(
    rows.map(([row]) => row!.n),
    [1, 2, 3],
  );
  assert.equal(new Set(rows.map(([row]) => row!.pid)).size, 1);
  assert.equal((await listener.query(sql`select 1`)).rowCount, 1);
  assert.throws(() =>
    openListener({
      url: db.url,
      channel: 'x"; drop',
      applicationName: "x",
      log: silentLog,
      onNotification() {},
      onConnected() {},
      onLost() {},
    }),
  );
});

test("a listener whose connection is killed listens again and says what it may have missed", async (t) => {
  const { listener, heard } = listen(t, db.url);
  const [row] = await listener.read<{ pid: number }>(sql`select pg_backend_pid() as pid`);
  await withServer(db.url, (client) => client.query("select pg_terminate_backend($1)", [row!.pid]));
  await until("it listens again", () => heard.length === 3);
  await db.database.query(sql`select pg_notify('news', 'after')`);
  await until("it hears again", () => heard.length === 4);
  assert.deepEqual(heard, ["(connected)", "(lost)", "(connected)", "after"]);
});

test("a connection that swallows everything is found by a statement and replaced", async (t) => {
  const proxy = await startChaosProxy(db.url);
  t.after(() => proxy.close());
  const { listener, heard } = listen(t, proxy.url, 100);
  await listener.read(sql`select 1`);
  proxy.setWeather("swallow");
  // 100 ms are the server's to answer, and the slack is ours.
  await assert.rejects(listener.read(sql`select 1`), isUnavailable);
  assert.equal(heard.at(-1), "(lost)");
  proxy.setWeather("fair");
  await until("it listens again", () => heard.at(-1) === "(connected)");
  assert.equal((await listener.read(sql`select 1`)).length, 1);
});

test("while the database is away everybody is refused at once, and served when it is back", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "brigade-away-"));
  chmodSync(folder, 0o755);
  const settings = { fsync: "off" };
  let server = await startEmbeddedPostgres(folder, { log: silentLog, settings });
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const database = createDatabase({
    url: server.url,
    connections: 4,
    applicationName: "x",
    log: silentLog,
  });
  t.after(() => database.end());
  await database.query(sql`create table kept as select 1 as n`);
  await database.read(sql`select 1`);

  await stopEmbedded(folder);
  const attempts = [
    () => database.query(sql`select 1`),
    () => database.read(sql`select 1`),
    () => database.withTransaction((tx) => tx.query(sql`select 1`)),
  ];
  for (let round = 0; round < 50; round++) {
    for (const attempt of attempts) await assert.rejects(attempt(), isUnavailable);
  }
  assert.equal(database.stats().waiting, 0);

  server = await startEmbeddedPostgres(folder, { log: silentLog, settings });
  for (const attempt of attempts) {
    await until("it answers", () =>
      attempt().then(
        () => true,
        () => false,
      ),
    );
  }
  assert.deepEqual(await database.read(sql`select n from kept`), [{ n: 1 }]);
});

test("after its end a database refuses, and keeps nothing open", async () => {
  const database = createDatabase({
    url: db.url,
    connections: 3,
    applicationName: "ended",
    log: silentLog,
  });
  await database.read(sql`select 1`);
  await database.query(sql`select 1`);
  await database.end();
  await assert.rejects(database.read(sql`select 1`), isUnavailable);
  await assert.rejects(database.query(sql`select 1`), isUnavailable);
  await until("its connections are gone", async () => {
    const [row] = await db.database.read<{ n: number }>(
      sql`select count(*) as n from pg_stat_activity where application_name = 'ended'`,
    );
    return row!.n === 0;
  });
});

test("a database that was never there is unavailable, not a crash", async (t) => {
  const database = createDatabase({
    url: "postgres://nobody@127.0.0.1:1/none",
    connections: 3,
    applicationName: "x",
    log: silentLog,
  });
  t.after(() => database.end());
  await assert.rejects(database.read(sql`select 1`), isUnavailable);
  await assert.rejects(database.query(sql`select 1`), isUnavailable);
  await assert.rejects(
    database.withTransaction((tx) => tx.query(sql`select 1`)),
    isUnavailable,
  );
});

test("one failed connection speaks for all who ask within the next second", async (t) => {
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount++;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const url = `postgres://x@127.0.0.1:${(server.address() as AddressInfo).port}/x`;
  const pool = createPool({ url, size: 4, applicationName: "x", log: silentLog });
  t.after(() => pool.end());
  for (let n = 0; n < 20; n++) await assert.rejects(pool.borrow(), isUnavailable);
  assert.equal(connectionCount, 1);
  // A connection that was made elsewhere ends it before the second is over.
  pool.clearAway();
  await assert.rejects(pool.borrow(), isUnavailable);
  assert.equal(connectionCount, 2);
});
