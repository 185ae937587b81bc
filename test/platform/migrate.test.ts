import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { AppError } from "../../src/platform/errors.ts";
import { migrate } from "../../src/platform/migrate.ts";
import { databaseUrl, withDatabase, withServer, type TestDatabase } from "../support/database.ts";
import { capturedLog, silentLog } from "../support/log.ts";

let db: TestDatabase;
let url: string;
let folder: string;
let databaseCount = 0;

before(async () => (db = await withDatabase()));
after(() => db.drop());

beforeEach(async (t) => {
  const name = `m_${process.pid}_${databaseCount++}`;
  await withServer(db.url, (client) => client.query(`create database ${name}`));
  url = databaseUrl(db.url, name);
  folder = mkdtempSync(join(tmpdir(), "brigade-migrations-"));
  const here = folder;
  (t as unknown as { after(run: () => unknown): void }).after(async () => {
    rmSync(here, { recursive: true });
    await withServer(db.url, (client) => client.query(`drop database ${name} with (force)`));
  });
  write(
    "001_one.sql",
    "-- Up Migration\ncreate table one (n int);\n-- Down Migration\ndrop table one;\n",
  );
  write("002_two.sql", "create table two (n int); insert into two values (1);\n");
});

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const ask = async (text: string) =>
  withServer(url, async (client) => (await client.query(text)).rows as unknown[]);

test("every file is applied once, in order, without its way down", async () => {
  assert.deepEqual(await migrate(url, silentLog, folder), ["001_one.sql", "002_two.sql"]);
  assert.deepEqual(await ask("select n from two"), [{ n: 1 }]);
  assert.deepEqual(await ask("select * from one"), []);
  assert.deepEqual(await migrate(url, silentLog, folder), []);
  write("003_three.sql", "create table three (n int);");
  assert.deepEqual(await migrate(url, silentLog, folder), ["003_three.sql"]);
});

test("of six at once one applies and the others wait", async () => {
  write("003_slow.sql", "select pg_sleep(0.2);");
  const applied = await Promise.all(
    Array.from({ length: 6 }, () => migrate(url, silentLog, folder)),
  );
  assert.deepEqual(applied.map((names) => names.length).toSorted(), [0, 0, 0, 0, 0, 3]);
  assert.deepEqual(await ask("select n from two"), [{ n: 1 }]);
});

test("a file that was changed after it had been applied stops the start, and is named", async () => {
  await migrate(url, silentLog, folder);
  write("001_one.sql", "create table one (n bigint);");
  await assert.rejects(migrate(url, silentLog, folder), (error: AppError) =>
    /001_one\.sql was changed/.test(error.message),
  );
});

test("other ends of lines are no change", async () => {
  await migrate(url, silentLog, folder);
  write(
    "001_one.sql",
    "-- Up Migration\r\ncreate table one (n int);\r\n-- Down Migration\r\ndrop table one;\r\n",
  );
  assert.deepEqual(await migrate(url, silentLog, folder), []);
});

test("a file that fails leaves nothing of itself, keeps what went before, and can be mended", async () => {
  write("002_two.sql", "create table two (n int); select 1 / 0;");
  await assert.rejects(migrate(url, silentLog, folder), (error: AppError) =>
    /002_two\.sql/.test(error.note ?? ""),
  );
  assert.deepEqual(
    await ask("select to_regclass('one') is not null as one, to_regclass('two') is null as two"),
    [{ one: true, two: true }],
  );
  write("002_two.sql", "create table two (n int);");
  assert.deepEqual(await migrate(url, silentLog, folder), ["002_two.sql"]);
});

test("a database that a newer version has been at is used, with a warning", async () => {
  write("009_later.sql", "create table later (n int);");
  await migrate(url, silentLog, folder);
  rmSync(join(folder, "009_later.sql"));
  const { log, lines } = capturedLog("warn");
  assert.deepEqual(await migrate(url, log, folder), []);
  assert.deepEqual(
    lines.map((line) => line["migrations"]),
    [["009_later.sql"]],
  );
});

test("the program's own migrations apply to an empty database", async () => {
  const applied = await migrate(url, silentLog);
  assert.ok(applied.length > 0);
  assert.deepEqual(await migrate(url, silentLog), []);
});
