import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGauges } from "../../src/control/gauges.ts";
import { renderPrometheus } from "../../src/platform/metrics-text.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { sql } from "../../src/platform/sql.ts";
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
