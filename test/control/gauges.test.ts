import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGauges } from "../../src/control/gauges.ts";
import { renderPrometheus } from "../../src/platform/metrics-text.ts";
import { gaugeLimits } from "../../src/platform/limits.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { sql, type Sql } from "../../src/platform/sql.ts";
import { registerSomebody, startApp } from "../auth/accounts-rig.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { silentLog } from "../support/log.ts";

let db: TestDatabase;
before(async () => (db = await withDatabase()));
after(() => db.drop());

test("live sessions and revoked tokens are counted, and what is away leaves the last numbers", async () => {
  const app = await startApp({ database: db.database });
  const ana = await registerSomebody(app);
  await registerSomebody(app);
  await app.call("POST", "/auth/logout", { token: ana.access_token });
  await db.database.query(
    sql`INSERT INTO auth.revoked_tokens (token_id, expires_at) VALUES ('a', now()), ('b', now())`,
  );
  const metrics = createMetrics();
  let isAway = false;
  const database = {
    read: async (statement: never) => {
      if (isAway) throw new Error("away");
      return db.database.read(statement);
    },
  };
  const gauges = startGauges({ database: database as never, metrics, log: silentLog });
  await gauges.sample();
  isAway = true;
  await gauges.sample();
  gauges.stop();
  metrics.refresh();
  const text = renderPrometheus([{ layout: metrics.layout(), block: metrics.block }]);
  assert.match(text, /^brigade_sessions_live 1$/m);
  assert.match(text, /^brigade_tokens_revoked 2$/m);
});

test("whole tables are counted more seldom than a wait is asked for", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const asked: string[] = [];
  const read = async ({ text }: Sql) => {
    asked.push(text.includes("audit_log") ? "wait" : "count");
    return [{ count: 0, seconds: 0 }];
  };
  const database = { read } as never;
  const gauges = startGauges({ database, metrics: createMetrics(), log: silentLog });
  const times = (what: string) => asked.filter((each) => each === what).length;
  assert.deepEqual([times("count"), times("wait")], [2, 1], "at the start");
  t.mock.timers.tick(gaugeLimits.countMs - 1);
  assert.equal(times("count"), 2);
  assert.equal(times("wait"), gaugeLimits.countMs / gaugeLimits.sampleMs);
  t.mock.timers.tick(1);
  assert.equal(times("count"), 4);
  gauges.stop();
});
