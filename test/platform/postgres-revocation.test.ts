import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { AppError } from "../../src/platform/errors.ts";
import { databaseLimits } from "../../src/platform/limits.ts";
import type { Database, Transaction } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, withServer, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let database: Database;
before(async () => {
  db = await withDatabase({ connections: 4 });
  database = db.database;
  await database.query(sql.unnamed(sql`create table things (id int primary key, n int not null)`));
  await database.query(sql`insert into things (id, n) values (1, 0)`);
});
after(() => db.drop());

const revocation = { revocation: true };
const addOne = (tx: Transaction) => tx.query(sql`update things set n = n + 1 where id = 1`);
const numberNow = async () => (await database.query(sql`select n from things`)).rows;
const waitAtMost = (tx: Transaction, ms: string) =>
  tx.query(sql`select set_config('lock_timeout', ${ms}, true)`);
const kill = (pid: number) =>
  withServer(db.url, (client) => client.query("select pg_terminate_backend($1, 60000)", [pid]));
const pidIn = async (tx: Transaction) =>
  (await tx.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)).rows[0]!.pid;

function isUnavailable(error: unknown): boolean {
  assert.ok(error instanceof AppError, String(error));
  return error.code === "unavailable";
}

/** This thread does not run until the server has ended the connection and is gone from it. */
function killMeanwhile(pid: number): void {
  const script = `import pg from "pg";
    const client = new pg.Client({ connectionString: process.argv[1] });
    await client.connect();
    await client.query("select pg_terminate_backend($1, 60000)", [process.argv[2]]);
    await client.end();`;
  execFileSync(process.execPath, ["--input-type=module", "-e", script, db.url, String(pid)]);
}

test("a revocation that waits too long for a lock lets go of its own, and comes again", async () => {
  await database.query(sql`update things set n = 0`);
  let attempts = 0;
  let waiting: Promise<unknown> | undefined;
  await database.withTransaction(async (holder) => {
    await addOne(holder);
    const hasLostOne = new Promise<void>((resolve) => {
      waiting = database.withTransaction(async (tx) => {
        attempts += 1;
        if (attempts === 2) resolve();
        await waitAtMost(tx, attempts === 1 ? "20" : "0");
        await addOne(tx);
      }, revocation);
    });
    await hasLostOne;
  });
  await waiting;
  assert.equal(attempts, 2);
  assert.deepEqual(await numberNow(), [{ n: 2 }]);
});

test("a lock that stays away is given up in the end, and another transaction never asks again", async () => {
  for (const [options, expected] of [
    [revocation, databaseLimits.transactionAttemptsMax],
    [{}, 1],
  ] as const) {
    let attempts = 0;
    await database.withTransaction(async (holder) => {
      await addOne(holder);
      const given = database.withTransaction(async (tx) => {
        attempts += 1;
        await waitAtMost(tx, "1");
        await addOne(tx);
      }, options);
      await assert.rejects(given, isUnavailable);
    });
    assert.equal(attempts, expected);
  }
});

for (const where of ["in the middle of it", "before its COMMIT"]) {
  for (const [how, end] of [
    ["is stopped", killMeanwhile],
    ["was stopped", kill],
  ] as const) {
    test(`a revocation whose thread ${how} ${where} is carried out once, when it runs again`, async () => {
      await database.query(sql`update things set n = 0`);
      let attempts = 0;
      await database.withTransaction(async (tx) => {
        attempts += 1;
        await addOne(tx);
        // As the server does by itself with one that says nothing for long.
        if (attempts === 1) await end(await pidIn(tx));
        if (where === "in the middle of it") await tx.query(sql`select 1`);
      }, revocation);
      assert.equal(attempts, 2);
      assert.deepEqual(await numberNow(), [{ n: 1 }]);
    });
  }
}

test("one whose COMMIT may have arrived is not carried out again", async () => {
  await database.query(sql`update things set n = 0`);
  let attempts = 0;
  const given = database.withTransaction(async (tx) => {
    attempts += 1;
    await addOne(tx);
    tx.atCommit(sql`select pg_terminate_backend(pg_backend_pid())`);
  }, revocation);
  await assert.rejects(given, isUnavailable);
  assert.equal(attempts, 1);
});

test("a connection that is lost again and again is given up, and no other transaction asks twice", async () => {
  for (const [options, expected] of [
    [revocation, databaseLimits.revocationLossesMax + 1],
    [{}, 1],
  ] as const) {
    let attempts = 0;
    const given = database.withTransaction(async (tx) => {
      attempts += 1;
      await tx.query(sql`select pg_terminate_backend(pg_backend_pid())`);
    }, options);
    await assert.rejects(given, isUnavailable);
    assert.equal(attempts, expected);
  }
});
