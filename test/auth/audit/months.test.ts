import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { keepMonths } from "../../../src/auth/audit/months.ts";
import { dropOldestMonth } from "../../../src/auth/audit/store-months.ts";
import { findSequences, hadEvent } from "../../../src/auth/audit/store-recent.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { createChain, type TestChain } from "./chain-rig.ts";

let db: TestDatabase;
let chain: TestChain;
before(async () => {
  db = await withDatabase();
  chain = await fiveMonths();
});
after(() => db.drop());

/** Events of five months, the oldest four months ago, sealed as they would have been. */
async function fiveMonths(): Promise<TestChain> {
  const made = createChain(db);
  for (let ago = 4; ago >= 1; ago--) {
    await made.forge(
      `INSERT INTO auth.audit_log (at, action, tenant_id, reason)
       SELECT auth.audit_month(now(), ${-ago}) + n * interval '1 minute', 'logout',
         '${made.tenantId}', '${ago} months ago' FROM generate_series(1, 20) AS n`,
    );
  }
  await keepMonths(db.database, 0);
  await made.write({ reason: "now" });
  await made.seal();
  return made;
}

const partitions = async () =>
  (
    await db.database.read<{ name: string }>(sql`
      SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid
      WHERE inhparent = 'auth.audit_log'::regclass ORDER BY relname`)
  ).map(({ name }) => name);

test("events find the partition of their month, and months are made ahead", async () => {
  assert.equal((await partitions()).length, 9);
  assert.equal(await keepMonths(db.database, 0), 0);
  const rows = await db.database.read<{ name: string; month: string }>(sql`
    SELECT DISTINCT tableoid::regclass::text AS name,
      to_char(at AT TIME ZONE 'UTC', '"y"YYYY"m"MM') AS month FROM auth.audit_log`);
  assert.equal(rows.length, 5);
  for (const { name, month } of rows) assert.equal(name, `auth.audit_log_${month}`);
  // As if two months had passed since.
  const ahead = (await partitions()).slice(-2);
  for (const name of ahead) {
    await chain.forge(`DROP TABLE auth.${name}, auth.${name.replace("log", "seals")}`);
  }
  assert.equal(await keepMonths(db.database, 0), 2);
  assert.deepEqual((await partitions()).slice(-2), ahead);
});

test("an event without a partition for its month is kept, and moves into one later", async () => {
  const further = 7;
  await chain.forge(
    `INSERT INTO auth.audit_log (at, action, reason)
     VALUES (auth.audit_month(now(), ${further}), 'logout', 'far ahead')`,
  );
  const nameOf = async () =>
    (
      await db.database.read<{ name: string }>(sql`
        SELECT tableoid::regclass::text AS name FROM auth.audit_log WHERE reason = 'far ahead'`)
    ).map(({ name }) => name);
  assert.deepEqual(await nameOf(), ["auth.audit_log_rest"]);
  assert.equal(await keepMonths(db.database, 0), 1);
  assert.match((await nameOf())[0]!, /_y\d{4}m\d{2}$/);
  assert.equal((await chain.report()).broken, undefined);
});

test("a partition takes neither change nor removal", async () => {
  const names = await partitions();
  for (const name of [...names, ...names.map((one) => one.replace("audit_log", "audit_seals"))]) {
    const table = sql.identifier(`auth.${name}`);
    for (const statement of [
      sql`UPDATE ${table} SET at = now()`,
      sql`DELETE FROM ${table}`,
      sql`TRUNCATE ${table}`,
    ]) {
      await assert.rejects(db.database.query(statement), /append-only/, statement.text);
    }
  }
});

test("old months are dropped, and what is left of each chain still verifies", async () => {
  const other = createChain(db);
  await other.write();
  await chain.seal();
  await keepMonths(db.database, 2);
  await chain.seal();
  const [row] = await db.database.read<{ months: string[]; all: number }>(sql`
    SELECT array_agg(DISTINCT reason ORDER BY reason) FILTER (WHERE action = 'logout') AS months,
      count(*) AS all
    FROM auth.audit_log WHERE tenant_id = ${chain.tenantId}`);
  // Two whole months, this one, and one event for each month that went.
  assert.deepEqual(row!.months, ["1 months ago", "2 months ago", "now"]);
  assert.equal(row!.all, 43);
  const { broken, sealed, head } = await chain.report();
  assert.deepEqual([broken, sealed, head?.position], [undefined, 43, 83]);
  const { broken: otherBroken, sealed: otherSealed } = await other.report();
  assert.deepEqual([otherBroken, otherSealed], [undefined, 1]);
});

test("a checkpoint that no event tells of is taken for a removal", async () => {
  await chain.forge(
    `UPDATE auth.audit_checkpoints SET (position, hash) = (SELECT position, hash
       FROM auth.audit_seals WHERE chain = '${chain.tenantId}' AND position = 50)`,
    `DELETE FROM auth.audit_log USING auth.audit_seals s WHERE s.number = audit_log.number
       AND s.position <= 50 AND s.chain = '${chain.tenantId}'`,
    `DELETE FROM auth.audit_seals WHERE position <= 50 AND chain = '${chain.tenantId}'`,
  );
  const { broken } = await chain.report();
  assert.deepEqual([broken?.kind, broken?.position], ["removed", 50]);
});

test("a month is not dropped before it is over, sealed, and the oldest", async (t) => {
  const fresh = await withDatabase();
  t.after(() => fresh.drop());
  const ofNobody = createChain(fresh);
  await ofNobody.forge(
    `INSERT INTO auth.audit_log (at, action, tenant_id)
     VALUES (auth.audit_month(now(), -3), 'logout', '${randomUUID()}')`,
    `INSERT INTO auth.audit_log (at, action, tenant_id)
     VALUES (auth.audit_month(now(), -2), 'logout', '${randomUUID()}')`,
  );
  await keepMonths(fresh.database, 0);
  const drop = (further: number) =>
    fresh.database.query(sql`SELECT auth.drop_audit_month(auth.audit_month(now(), ${further}))`);
  await assert.rejects(drop(0), /not over/);
  await assert.rejects(drop(1), /not over/);
  await assert.rejects(drop(-2), /older month/);
  await assert.rejects(drop(-3), /not sealed/);
  await assert.rejects(keepMonths(fresh.database, 1), /not sealed/);
  await ofNobody.write();
  await ofNobody.seal();
  await fresh.database.withTransaction(async (tx) => {
    await tx.query(sql`SELECT FROM auth.audit_log LIMIT 1`);
    // `lock_not_available`, and not the deadline of the transaction.
    const waiting = (error: Error) => (error.cause as { code?: string }).code === "55P03";
    await assert.rejects(dropOldestMonth(fresh.database, 1, 50), waiting, "the log is busy");
  });
  assert.equal(await keepMonths(fresh.database, 1), 2);
});

test("what happened of late is asked of the months that may hold it alone", async () => {
  const plans: string[] = [];
  const query: Database["query"] = async (statement) => {
    const { rows } = await db.database.query<{ "QUERY PLAN": string }>(sql`EXPLAIN ${statement}`);
    plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
    return { rows: [{ had: false }] as never, rowCount: 1 };
  };
  await hadEvent({ query }, randomUUID(), "refresh.reuse", 60);
  const window = { recentSeconds: 60, withinSeconds: 60, limit: 10 };
  await findSequences({ query }, ["refresh.reuse", "login.anomaly"], window);
  const [had, sequences] = plans;
  assert.equal(had!.match(/Subplans Removed: [1-9]/g)?.length, 1, had);
  assert.equal(sequences!.match(/Subplans Removed: [1-9]/g)?.length, 2, sequences);
});

test("no role but the application's own makes or drops a month", async () => {
  const [row] = await db.database.read<{ functions: number; open: number }>(sql`
    SELECT count(DISTINCT p.oid)::int AS functions,
           count(*) FILTER (WHERE a.grantee <> p.proowner)::int AS open
      FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
     WHERE p.pronamespace = 'auth'::regnamespace AND p.prosecdef`);
  assert.deepEqual(row, { functions: 2, open: 0 });
});
