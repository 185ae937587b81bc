import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import {
  refillBudget,
  removeIdleBudgets,
  returnUnits,
  takeBudgets,
} from "../../../src/auth/throttle/store.ts";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";

let db: TestDatabase;
before(async () => {
  db = await withDatabase();
});
after(() => db.drop());

const budget = (key: string, count = 3, seconds = 300) => ({ key, count, seconds });

async function takes(key: string, times: number): Promise<number> {
  let given = 0;
  for (let i = 0; i < times; i++) {
    if ((await takeBudgets(db.database, [budget(key)])) === undefined) given++;
  }
  return given;
}

/** As if `seconds` had passed, on the database's clock. */
const pass = (seconds: number) =>
  db.database.query(sql`UPDATE auth.throttle_budgets
    SET arrival = arrival - make_interval(secs => ${seconds})`);

test("a budget gives its units at once, then one each time a unit has grown back", async () => {
  assert.equal(await takes("burst", 5), 3);
  const refusal = await takeBudgets(db.database, [budget("burst")]);
  assert.equal(refusal?.key, "burst");
  assert.ok(refusal.retryAfterSeconds > 90 && refusal.retryAfterSeconds <= 100);
  await pass(99);
  assert.equal(await takes("burst", 1), 0);
  await pass(1);
  assert.equal(await takes("burst", 3), 1);
  await pass(10_000);
  assert.equal(await takes("burst", 5), 3, "idle time saves up no more than the whole budget");
});

test("several are taken in order; what stands behind a refusal is not charged", async () => {
  const [first, second] = [budget("a", 2), budget("b", 1)];
  assert.equal(await takeBudgets(db.database, [first, second]), undefined);
  assert.equal((await takeBudgets(db.database, [first, second]))?.key, "b");
  assert.equal((await takeBudgets(db.database, [first, budget("c", 1)]))?.key, "a");
  assert.equal(await takeBudgets(db.database, [budget("c", 1)]), undefined, "c was left alone");
});

test("units can be given back, and a budget made whole", async () => {
  await takes("back", 3);
  await returnUnits(db.database, [budget("back"), budget("never seen")]);
  assert.equal(await takes("back", 3), 1);
  await refillBudget(db.database, "back");
  assert.equal(await takes("back", 5), 3);
});

test("callers of several processes at once get exactly the units there are", async () => {
  const others = Array.from({ length: 3 }, () =>
    createDatabase({ url: db.url, connections: 16, applicationName: "test", log: silentLog }),
  );
  try {
    const all = await crowd(others, 300, 15, (at) =>
      takeBudgets(others[at % 3]!, [budget("net", 1_000), budget("crowd", 17, 900)]),
    );
    assert.equal(all.filter((refusal) => refusal === undefined).length, 17);
  } finally {
    await Promise.all(others.map((other) => other.end()));
  }
});

test("budgets that are whole again are removed, others stay", async () => {
  await db.database.query(sql`DELETE FROM auth.throttle_budgets`);
  await takes("idle", 1);
  await pass(1_000);
  await takes("busy", 1);
  assert.equal(await removeIdleBudgets(db.database), 1);
  assert.deepEqual(await db.database.read(sql`SELECT key FROM auth.throttle_budgets`), [
    { key: "busy" },
  ]);
});

test("whoever gives units back holds no row while waiting for another", async () => {
  const network = budget("circle:network");
  const person = budget("circle:person");
  const giveBack = [() => returnUnits(db.database, [network, person])];
  for (const give of giveBack) {
    for (const [held, wanted] of [
      [network, person],
      [person, network],
    ] as const) {
      await takeBudgets(db.database, [network, person]);
      const other = new pg.Client({ connectionString: db.url });
      await other.connect();
      const lock = (key: string) =>
        other.query("SELECT FROM auth.throttle_budgets WHERE key = $1 FOR UPDATE", [key]);
      await other.query("BEGIN");
      await lock(held.key);
      const giving = give();
      // It waits for the row that is held. If it held the other one by now, the next statement
      // would close the circle, and PostgreSQL would end one of the two.
      await untilSomebodyWaits();
      await lock(wanted.key);
      await other.query("COMMIT");
      await giving;
      await other.end();
    }
  }
});

async function untilSomebodyWaits(): Promise<void> {
  for (;;) {
    const { rows } = await db.database.query<{ waiting: number }>(sql`
      SELECT count(*)::int AS waiting FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`);
    if (rows[0]!.waiting > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
