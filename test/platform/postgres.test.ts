import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AppError } from "../../src/platform/errors.ts";
import { databaseLimits } from "../../src/platform/limits.ts";
import { createDatabase, isUniqueViolation, type Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, withServer, type TestDatabase } from "../support/database.ts";
import { silentLog } from "../support/log.ts";

let db: TestDatabase;
let database: Database;
before(async () => {
  db = await withDatabase({ connections: 4 });
  database = db.database;
  await database.query(
    sql.unnamed(sql`create table things (
    id int primary key, name text constraint things_name_key unique, n int not null default 0
      constraint n_positive check (n >= 0), parent int references things)`),
  );
  await database.query(sql`insert into things (id, name) values (1, 'one'), (2, 'two')`);
});
after(() => db.drop());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const pidOf = async (run: (s: ReturnType<typeof sql>) => Promise<{ pid: number }[]>) =>
  (await run(sql`select pg_backend_pid() as pid`))[0]!.pid;
const kill = (pid: number) =>
  withServer(db.url, (client) => client.query("select pg_terminate_backend($1)", [pid]));

function isUnavailable(error: unknown): boolean {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, "unavailable");
  assert.equal(error.headers?.["retry-after"], "1");
  // What a client may see names no statement.
  assert.equal(error.message, "A service that this request needs is away");
  return true;
}

test("reads share one connection and answer each to its caller", async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      database.read<{ n: number; pid: number }>(
        sql`select ${n}::int as n, pg_backend_pid() as pid`,
      ),
    ),
  );
  assert.deepEqual(
    answers.map(([row]) => row!.n),
    Array.from({ length: 200 }, (_, n) => n),
  );
  assert.equal(new Set(answers.map(([row]) => row!.pid)).size, 1);
});

test("a read that fails leaves its neighbours untouched", async () => {
  const [first, broken, last] = await Promise.allSettled([
    database.read(sql`select 1 as n`),
    database.read(sql`select 1 / ${0}::int`),
    database.read(sql`select 2 as n`),
  ]);
  assert.equal(first.status, "fulfilled");
  assert.equal(broken.status, "rejected");
  assert.equal(last.status, "fulfilled");
});

test("a statement keeps its plan under its name", async () => {
  await database.read(sql`select name from things where id = ${1}`);
  const name = sql`select name from things where id = ${1}`.name;
  const rows = await database.read<{ name: string }>(
    sql.unnamed(sql`select name from pg_prepared_statements`),
  );
  assert.ok(rows.some((row) => row.name === name));
});

test("counts are numbers, days and exact numbers are text", async () => {
  const [row] = await database.read(
    sql`select count(*) as n, date '2026-02-03' as day, 1.10::numeric as price from things`,
  );
  assert.deepEqual(row, { n: 2, day: "2026-02-03", price: "1.10" });
});

test("violations are told apart, with the name of the constraint", async () => {
  const failure = async (statement: ReturnType<typeof sql>) =>
    database.query(statement).then(
      () => undefined,
      (error: unknown) => error,
    );
  const unique = await failure(sql`insert into things (id, name) values (3, 'one')`);
  assert.ok(isUniqueViolation(unique) && isUniqueViolation(unique, "things_name_key"));
  assert.ok(!isUniqueViolation(unique, "things_pkey"));
  const others = [
    sql`insert into things (id, parent) values (3, 99)`,
    sql`insert into things (id, n) values (3, -1)`,
  ];
  for (const statement of others) assert.ok(!isUniqueViolation(await failure(statement)));
});

test("a transaction is all or nothing", async () => {
  await assert.rejects(
    database.withTransaction(async (tx) => {
      await tx.query(sql`insert into things (id) values (10)`);
      throw new Error("changed my mind");
    }),
    /changed my mind/,
  );
  assert.deepEqual(await database.read(sql`select from things where id = 10`), []);
  await database.withTransaction((tx) => tx.query(sql`insert into things (id) values (10)`));
  assert.equal((await database.read(sql`select from things where id = 10`)).length, 1);
});

test("what runs at COMMIT runs in its flush, gives its rows after it, then the rest is told", async () => {
  const order: string[] = [];
  const value = await database.withTransaction(async (tx) => {
    await tx.query(sql`update things set n = 5 where id = 1`);
    tx.atCommit(sql`select n from things where id = 1`, (rows) =>
      order.push(`rows ${String(rows[0]!["n"])}`),
    );
    tx.atCommit(sql`update things set n = 6 where name = ${sql.literal("one")}`);
    tx.afterCommit(() => order.push("after"));
    order.push("body");
    return "value";
  });
  order.push(value);
  assert.deepEqual(order, ["body", "rows 5", "after", "value"]);
  assert.deepEqual(await database.read(sql`select n from things where id = 1`), [{ n: 6 }]);
});

test("what runs at COMMIT takes no parameters", async () => {
  await assert.rejects(
    database.withTransaction(async (tx) => tx.atCommit(sql`select ${1}`)),
    { code: "internal" },
  );
});

test("a failure at COMMIT rolls everything back and tells nobody it happened", async () => {
  let told = 0;
  await assert.rejects(
    database.withTransaction(async (tx) => {
      await tx.query(sql`insert into things (id) values (11)`);
      tx.afterCommit(() => void told++);
      tx.atCommit(sql`select 1 / 0`, () => void told++);
    }),
    /division by zero/,
  );
  assert.equal(told, 0);
  assert.deepEqual(await database.read(sql`select from things where id = 11`), []);
});

test("a failed statement that the body swallowed does not pass for a commit", async () => {
  let told = 0;
  await assert.rejects(
    database.withTransaction(async (tx) => {
      await tx.query(sql`insert into things (id) values (12)`);
      await tx.query(sql`select 1 / 0`).catch(() => {});
      tx.afterCommit(() => void told++);
    }),
    { code: "internal" },
  );
  assert.equal(told, 0);
});

test("a statement after the end of its transaction is refused", async () => {
  let late: (() => Promise<unknown>) | undefined;
  await database.withTransaction(async (tx) => {
    late = () => tx.query(sql`insert into things (id) values (13)`);
  });
  await assert.rejects(late!(), { code: "internal" });
});

test("when the outcome of COMMIT is unknown the needless bump is made", async () => {
  let told = 0;
  let rows = 0;
  await assert.rejects(
    database.withTransaction(async (tx) => {
      const [row] = (await tx.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)).rows;
      tx.afterCommit(() => void told++);
      // The server is killed while it works on the message that holds COMMIT.
      tx.atCommit(sql`select pg_sleep(10)`, () => void rows++);
      setTimeout(() => void kill(row!.pid), 100);
    }),
    isUnavailable,
  );
  assert.deepEqual([told, rows], [1, 0]);
});

test("two transactions that would undo each other are both carried out, one after the other", async () => {
  await database.query(sql`update things set n = 0`);
  let attempts = 0;
  const add = (tx: Parameters<Parameters<Database["withTransaction"]>[0]>[0]) =>
    (async () => {
      attempts++;
      const [row] = (await tx.query<{ n: number }>(sql`select n from things where id = 1`)).rows;
      await pause(20);
      await tx.query(sql`update things set n = ${row!.n + 1} where id = 1`);
    })();
  await Promise.all(
    [1, 2, 3].map(() => database.withTransaction(add, { isolation: "repeatable read" })),
  );
  assert.deepEqual(await database.read(sql`select n from things where id = 1`), [{ n: 3 }]);
  assert.ok(attempts > 3, `${attempts} attempts`);
});

test("a deadlock is tried again", async () => {
  let attempts = 0;
  let meet = () => {};
  const haveMet = new Promise<void>((resolve) => (meet = resolve));
  const both = (first: number, second: number) =>
    database.withTransaction(async (tx) => {
      attempts++;
      await tx.query(sql`update things set n = n + 1 where id = ${first}`);
      if (attempts === 2) meet();
      await haveMet;
      await tx.query(sql`update things set n = n + 1 where id = ${second}`);
    });
  await database.query(sql`update things set n = 0`);
  await Promise.all([both(1, 2), both(2, 1)]);
  assert.deepEqual(await database.read(sql`select n from things where id in (1, 2)`), [
    { n: 2 },
    { n: 2 },
  ]);
  assert.equal(attempts, 3);
});

test("attempts end, with an answer that says try later", async () => {
  let attempts = 0;
  await assert.rejects(
    database.withTransaction(async (tx) => {
      attempts++;
      await tx.query(sql`do $$ begin raise exception 'again' using errcode = '40001'; end $$`);
    }),
    isUnavailable,
  );
  assert.equal(attempts, databaseLimits.transactionAttemptsMax);
});

test("a transaction past its deadline ends and gives its place free", async () => {
  await assert.rejects(
    database.withTransaction((tx) => tx.query(sql`select pg_sleep(30)`), { deadlineMs: 50 }),
    isUnavailable,
  );
  await assert.rejects(
    database.withTransaction(() => new Promise(() => {}), { deadlineMs: 50 }),
    isUnavailable,
  );
  // All three connections of the pool can be had.
  await Promise.all([1, 2, 3].map(() => database.query(sql`select pg_sleep(0.05)`)));
});

test("a revocation never waits long while it holds locks, and is always durable", async () => {
  await database.withTransaction(
    async (tx) => {
      const { rows } = await tx.query(sql`select current_setting('lock_timeout') as lock,
        current_setting('idle_in_transaction_session_timeout') as idle, current_setting('synchronous_commit') as durable`);
      assert.deepEqual(rows, [{ lock: "1s", idle: "500ms", durable: "on" }]);
    },
    { revocation: true },
  );
  // And it is over with the transaction.
  const [row] = await database.withTransaction(
    async (tx) => (await tx.query(sql`select current_setting('lock_timeout') as lock`)).rows,
  );
  assert.deepEqual(row, { lock: "0" });
  await assert.rejects(
    database.withTransaction(
      async (tx) => {
        await tx.query(sql`select 1`);
        await pause(databaseLimits.revocationIdleMs + 300);
        await tx.query(sql`select 1`);
      },
      { revocation: true },
    ),
    isUnavailable,
  );
});

test("a statement that takes too long is ended by the server and its connection goes on", async (t) => {
  const quick = createDatabase({
    url: db.url,
    connections: 2,
    applicationName: "quick",
    log: silentLog,
    statementTimeoutMs: 100,
  });
  t.after(() => quick.end());
  const pid = await pidOf(async (s) => (await quick.query<{ pid: number }>(s)).rows);
  await assert.rejects(quick.query(sql`select pg_sleep(10)`), isUnavailable);
  await assert.rejects(quick.read(sql`select pg_sleep(10)`), isUnavailable);
  assert.equal(await pidOf(async (s) => (await quick.query<{ pid: number }>(s)).rows), pid);
});

test("a read whose connection is killed is answered on the next one", async () => {
  const before = await pidOf((s) => database.read(s));
  const slow = database.read(sql`select pg_sleep(0.3), 'answered' as word`);
  await pause(50);
  await kill(before);
  assert.equal((await slow)[0]!["word"], "answered");
  assert.notEqual(await pidOf((s) => database.read(s)), before);
});

test("a killed connection of the pool costs its own statement only", async () => {
  const slow = database.query(sql`select pg_sleep(10)`);
  const refused = assert.rejects(slow, isUnavailable);
  await pause(50);
  await withServer(db.url, (client) =>
    client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep(10)' and pid <> pg_backend_pid()",
    ),
  );
  await refused;
  assert.equal((await database.query(sql`select 1`)).rowCount, 1);
});

test("an idle connection that the server closes ends nothing", async () => {
  await database.query(sql`select 1`);
  await withServer(db.url, (client) =>
    client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    ),
  );
  await pause(50);
  assert.equal((await database.query(sql`select 1`)).rowCount, 1);
  assert.equal((await database.read(sql`select 1`)).length, 1);
});

test("a changed table outdates the plans of every connection, and nobody notices", async () => {
  await database.query(sql.unnamed(sql`create table shapes (id int)`));
  const all = () => sql`select * from shapes where id = ${1}`;
  await database.read(all());
  await Promise.all(
    [1, 2, 3].map(() =>
      database.withTransaction(async (tx) => {
        await tx.query(all());
        await pause(30);
      }),
    ),
  );
  await database.query(sql.unnamed(sql`alter table shapes add column name text`));
  await database.query(sql.unnamed(sql`insert into shapes values (1, 'new')`));
  const expected = [{ id: 1, name: "new" }];
  assert.deepEqual(await database.read(all()), expected);
  assert.deepEqual((await database.query(all())).rows, expected);
  assert.deepEqual(
    await database.withTransaction(async (tx) => (await tx.query(all())).rows),
    expected,
  );
});

test("who waits too long for a connection of the pool is told to come again", async (t) => {
  const small = createDatabase({
    url: db.url,
    connections: 2,
    applicationName: "small",
    log: silentLog,
  });
  t.after(() => small.end());
  const holder = small.query(sql`select pg_sleep(2.5)`);
  await pause(50);
  const outcomes = Promise.allSettled(
    Array.from({ length: databaseLimits.poolWaitersMax + 3 }, () => small.query(sql`select 1`)),
  );
  assert.equal(small.stats().waiting, databaseLimits.poolWaitersMax);
  for (const outcome of await outcomes) {
    assert.ok(outcome.status === "rejected" && isUnavailable(outcome.reason));
  }
  // The server was never away: nobody else is refused for it, nor are reads.
  assert.equal((await small.read(sql`select 1`)).length, 1);
  await holder;
  assert.equal((await small.query(sql`select 1`)).rowCount, 1);
});

test("a server that only reads answers writes with try later", async () => {
  const failure = database.withTransaction(async (tx) => {
    await tx.query(sql`set transaction read only`);
    await tx.query(sql`update things set n = 1`);
  });
  await assert.rejects(failure, isUnavailable);
});
