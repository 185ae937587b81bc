import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createThrottle, type BudgetKind } from "../../../src/auth/throttle/throttle.ts";
import { budgetSizes } from "../../../src/platform/limits.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
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

const open = () => createThrottle(db.database, createMetrics());

test("each kind of attempt has its own budget, and each key one of its own", async () => {
  const throttle = open();
  const kinds: BudgetKind[] = ["otpAccount", "resetIdentifier", "resendIdentifier"];
  for (const kind of kinds) {
    const { count } = budgetSizes[kind];
    for (let i = 0; i < count; i++) await throttle.take(kind, "somebody");
    await assert.rejects(throttle.take(kind, "somebody"), (error: any) => {
      assert.equal(error.code, "rate_limited");
      assert.ok(Number(error.headers["retry-after"]) >= 1);
      return true;
    });
    const refused = await throttle.tryTake(kind, "somebody");
    assert.equal(refused?.kind, kind);
    assert.equal(await throttle.tryTake(kind, "somebody else"), undefined);
  }
});

test("networks are counted as networks, and what was typed is not kept", async () => {
  const throttle = open();
  for (let i = 0; i < budgetSizes.resetNetwork.count; i++) {
    await throttle.take("resetNetwork", `2001:db8:1:2::${i.toString(16)}`);
  }
  assert.ok(await throttle.tryTake("resetNetwork", "2001:db8:1:2:ffff::1"));
  assert.equal(await throttle.tryTake("resetNetwork", "2001:db8:1:3::1"), undefined);
  await throttle.take("resetIdentifier", "my secret password");
  const rows = await db.database.read<{ key: string }>(
    sql`SELECT key FROM auth.throttle_budgets WHERE key LIKE '%secret%'`,
  );
  assert.deepEqual(rows, []);
});

test("a unit can be given back, and a budget made whole", async () => {
  const throttle = open();
  const { count } = budgetSizes.otpAccount;
  const takes = async () => {
    let taken = 0;
    while ((await throttle.tryTake("otpAccount", "ana")) === undefined) taken++;
    return taken;
  };
  assert.equal(await takes(), count);
  await throttle.giveBack("otpAccount", "ana");
  assert.equal(await takes(), 1);
  await throttle.refill("otpAccount", "ana");
  assert.equal(await takes(), count);
});

test("2 000 attempts at once in two processes: exactly what the budget has", async () => {
  const [first, second] = [0, 1].map(() =>
    createDatabase({ url: db.url, connections: 16, applicationName: "test", log: silentLog }),
  );
  try {
    const throttles = [first!, second!].map((database) =>
      createThrottle(database, createMetrics()),
    );
    let evaluated = 0;
    const attempt = async (i: number) => {
      const refused = await throttles[i % 2]!.tryTake([
        ["otpNetwork", `10.0.${i % 250}.${i % 97}`],
        ["otpAccount", "crowd"],
      ]);
      if (refused === undefined) evaluated++;
    };
    await crowd([first!, second!], 2_000, 15, attempt);
    assert.equal(evaluated, budgetSizes.otpAccount.count);
  } finally {
    await Promise.all([first!.end(), second!.end()]);
  }
});
