import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createKeyUsage } from "../../../src/auth/api-keys/usage.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { createManualClock } from "../../support/clock.ts";
import { silentLog } from "../../support/log.ts";
import { registerSomebody, startApp, watched, type TestApp } from "../accounts-rig.ts";
import { makeKey, type Somebody } from "./rig.ts";

let db: TestDatabase;
before(async () => void (db = await withDatabase({ connections: 8 })));
after(() => db.drop());

const whoami = (app: TestApp, token: string) => app.call("GET", "/auth/whoami", { token });
const statuses = async (app: TestApp, token: string, count: number) => {
  const answers: number[] = [];
  for (let at = 0; at < count; at++) answers.push((await whoami(app, token)).status);
  return answers;
};
const viewOf = async (app: TestApp, owner: Somebody, id: string) =>
  (await app.call("GET", `/auth/api-keys/${id}`, { token: owner.access_token })).body;

test("a key has a rate of its own, told in each answer, and its owner another", async () => {
  const app = await startApp({ database: db.database });
  const owner = await registerSomebody(app);
  const wishes = { rate_limit: { requests: 3, seconds: 3_600 } };
  const [slow, other] = [await makeKey(app, owner, wishes), await makeKey(app, owner, wishes)];
  const first = await whoami(app, slow.text);
  assert.equal(first.headers["ratelimit-limit"], "3");
  assert.equal(first.headers["ratelimit-remaining"], "2");
  assert.deepEqual(await statuses(app, slow.text, 3), [200, 200, 429]);
  const refused = await whoami(app, slow.text);
  assert.equal(refused.body.error_code, "rate_limited");
  assert.equal(refused.headers["ratelimit-remaining"], "0");
  assert.ok(Number(refused.headers["retry-after"]) > 600);
  assert.equal((await whoami(app, other.text)).status, 200);
  assert.equal((await whoami(app, owner.access_token)).status, 200);
});

test("a quota ends a key's requests for the day, in every process once it was written", async () => {
  const [one, two] = [
    await startApp({ database: db.database }),
    await startApp({ database: db.database }),
  ];
  const owner = await registerSomebody(one);
  const { id, text } = await makeKey(one, owner, { quota: { requests: 5, period: "day" } });
  assert.deepEqual(await statuses(one, text, 3), [200, 200, 200]);
  await one.keyUsage.flush();
  assert.deepEqual(await statuses(two, text, 3), [200, 200, 429], "the look-up tells of three");
  const refused = await whoami(two, text);
  assert.equal(refused.body.error_code, "quota_exceeded");
  const wait = Number(refused.headers["retry-after"]);
  assert.ok(wait > 0 && wait <= 86_400);
  await two.keyUsage.flush();
  // What the other one let through is learnt with the next write: here it is one request late.
  assert.equal((await whoami(one, text)).status, 200);
  await one.keyUsage.flush();
  assert.equal((await whoami(one, text)).status, 429);
  const view = await viewOf(one, owner, id);
  assert.deepEqual(view.quota, { requests: 5, period: "day", used: 6 });
});

test("nothing is written for a request; the last use comes with the batch", async () => {
  const { database, statements } = watched(db.database);
  const app = await startApp({ database });
  const owner = await registerSomebody(app);
  const { id, text } = await makeKey(app, owner);
  assert.equal((await viewOf(app, owner, id)).last_used_at, null);
  await whoami(app, text);
  await app.keyUsage.flush();
  const before = statements.filter((sql) => sql.includes("api_key_usage AS u")).length;
  await statuses(app, text, 100);
  await app.keyUsage.flush();
  const writes = statements.filter((sql) => sql.includes("api_key_usage AS u")).length - before;
  assert.ok(writes >= 1 && writes <= 2, `${writes} writes for 100 requests`);
  const view = await viewOf(app, owner, id);
  assert.ok(Math.abs(systemClock.nowMs() - new Date(view.last_used_at).getTime()) < 60_000);
  assert.equal(view.last_network, "192.0.2.0/24");
});

test("parallel writers of many threads lose no request", async () => {
  const app = await startApp({ database: db.database });
  const owner = await registerSomebody(app);
  const keys = await Promise.all([1, 2, 3].map(() => makeKey(app, owner)));
  const threads = Array.from({ length: 6 }, () =>
    createKeyUsage({
      database: db.database,
      clock: systemClock,
      log: silentLog,
      metrics: createMetrics(),
    }),
  );
  await Promise.all(
    threads.map(async (usage, at) => {
      for (let round = 0; round < 10; round++) {
        for (const { id } of at % 2 === 0 ? keys : keys.toReversed()) {
          for (let use = 0; use < 7; use++) assert.ok(usage.count(usage.of({ id }), () => "n"));
        }
        await usage.flush();
      }
      await usage.close();
    }),
  );
  const { rows } = await db.database.query<{ used: number }>(sql`
    SELECT used FROM auth.api_key_usage WHERE key_id = ANY(${keys.map(({ id }) => id)}::uuid[])`);
  assert.deepEqual(
    rows.map(({ used }) => used),
    [420, 420, 420],
  );
});

test("what could not be written is written later, and a new day begins at nothing", async () => {
  const clock = createManualClock();
  let isAway = false;
  const written: number[] = [];
  const metrics = createMetrics();
  const usage = createKeyUsage({
    clock,
    metrics,
    log: silentLog,
    database: {
      query: async (statement) => {
        if (isAway) throw new Error("away");
        written.push(Number((statement.values[4] as number[])[0]));
        return { rows: [], rowCount: 0 };
      },
    },
  });
  const day = new Date(clock.nowMs()).toISOString().slice(0, 10);
  const quota = { count: 4, period: "day" as const, used: 0, periodStart: day };
  const use = usage.of({ id: "key", quota });
  const count = () => usage.count(use, () => undefined);
  assert.deepEqual([count(), count()], [true, true]);
  isAway = true;
  await usage.flush();
  assert.deepEqual([count(), count(), count()], [true, true, false], "counted on meanwhile");
  isAway = false;
  await usage.flush();
  assert.deepEqual(written, [4]);
  clock.advanceMs(86_400_000);
  assert.equal(count(), true, "another day");
  assert.ok(usage.secondsLeft(use) > 0 && usage.secondsLeft(use) <= 86_400);
  await usage.close();
});
