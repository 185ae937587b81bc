import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { issuerChecks } from "../../src/auth/issuers/key-set-health.ts";
import { openKeySets, type KeySets } from "../../src/auth/issuers/key-sets.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { readConfig } from "../../src/platform/config.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { startKeyServer, type KeyServer } from "../support/key-server.ts";
import { silentLog } from "../support/log.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";
import { good, later } from "./issuers/key-set-rig.ts";
import { until } from "./process-rig.ts";

const OTHER_TENANT = "00000000-0000-7000-8000-00000000000d";
const LIST = "/v1/admin/issuers";
const REFRESH = "/v1/admin/issuers/refresh";

let db: TestDatabase;
let server: KeyServer;
let sets: KeySets;
let app: TestApp;
let token: string;
let ISSUERS: string;

before(async () => {
  db = await withDatabase();
  server = await startKeyServer();
  server.publish(good.jwk);
  ISSUERS = JSON.stringify([
    { type: "oidc", issuer: server.url, audiences: ["https://api.example"] },
  ]);
  const { issuers } = readConfig({ NODE_ENV: "test", ISSUERS });
  sets = await openKeySets({
    issuers,
    database: db.database,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    deliver() {},
  });
  await until(() => sets.states()[0]!.isUsable, "the first fetch");
  app = await startApp({
    database: db.database,
    env: { ISSUERS },
    issuerKeys: {
      states: async () => sets.states(),
      refresh: (issuer) => sets.refresh(issuer),
    },
  });
  token = (await registerAdmin(app)).access_token;
});
after(async () => {
  sets.stop();
  await server.close();
  await db.drop();
});

test("an operator sees each issuer, its rules and its keys", async () => {
  const answer = await app.call("GET", LIST, { token });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers["cache-control"], "no-store");
  const [{ age_seconds, fetched_at, tenant_id, ...rest }] = answer.body.data;
  assert.deepEqual(rest, {
    issuer: server.url,
    kind: "oidc",
    provision: "deny",
    kids: ["good"],
    usable: true,
    failed_at: null,
    last_error: null,
  });
  assert.ok(age_seconds >= 0 && Date.parse(fetched_at) > 0 && tenant_id.length === 36);
});

test("a refresh takes what the issuer publishes now, and tells when it publishes nothing", async () => {
  server.publish(later.jwk);
  const taken = await app.call("POST", REFRESH, { token, body: { issuer: server.url } });
  assert.equal(taken.status, 200, taken.text);
  assert.deepEqual(taken.body.data.kids, ["later"]);
  server.be("sends HTML");
  const failed = await app.call("POST", REFRESH, { token, body: { issuer: server.url } });
  assert.equal(failed.status, 200, failed.text);
  assert.deepEqual(failed.body.data.kids, ["later"]);
  assert.equal(failed.body.data.last_error, "malformed");
  assert.ok(Date.parse(failed.body.data.failed_at) > 0);
  server.be("good");
});

test("an issuer that is not trusted is not asked", async () => {
  const asked = server.counts.discovery;
  const issuer = `${server.url}/`;
  const answer = await app.call("POST", REFRESH, { token, body: { issuer } });
  assert.equal(answer.status, 404, answer.text);
  assert.equal(server.counts.discovery, asked);
});

test("issuers are nobody's but the first tenant's administrators'", async () => {
  await db.database.query(
    sql`INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'other')`,
  );
  const asked = server.counts.discovery;
  for (const { access_token: bad } of [
    await registerAdmin(app, OTHER_TENANT),
    await registerSomebody(app),
  ]) {
    for (const [method, path, body] of [
      ["GET", LIST, undefined],
      ["POST", REFRESH, { issuer: server.url }],
    ] as const) {
      const answer = await app.call(method, path, {
        token: bad,
        ...(body === undefined ? {} : { body }),
      });
      assert.equal(answer.status, 403, answer.text);
      assert.ok(!answer.text.includes(server.url));
    }
  }
  assert.equal(server.counts.discovery, asked);
});

test("a refresh needs a fresh authentication, and has a budget", async () => {
  const like = { database: db.database, keyRing: app.keyRing, env: { ISSUERS } };
  const body = { issuer: server.url };
  const later_ = await startApp({
    ...like,
    clock: { ...systemClock, nowSeconds: () => systemClock.nowSeconds() + 700 },
  });
  const stale = await later_.call("POST", REFRESH, { token, body });
  assert.equal(stale.body.error_code, "step_up_required", stale.text);
  const narrow = await startApp({
    ...like,
    budgets: { revokeAccount: { count: 1, seconds: 900 } },
    issuerKeys: { states: async () => sets.states(), refresh: (issuer) => sets.refresh(issuer) },
  });
  const spender = (await registerAdmin(app)).access_token;
  const asked = server.counts.keys;
  const answers = await Promise.all(
    [1, 2, 3].map(() => narrow.call("POST", REFRESH, { token: spender, body })),
  );
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 429, 429]);
  assert.equal(server.counts.keys - asked, 1);
});

test("the health of an issuer is its own: passed, or warned of with the reason", async () => {
  const [check] = Object.entries(
    issuerChecks([{ issuer: server.url }], { states: async () => sets.states() }),
  ) as [[string, () => Promise<{ status: string; output?: string }>]];
  assert.equal(check[0], `issuer:${server.url}`);
  await sets.refresh(server.url);
  assert.equal((await check[1]()).status, "pass");
  server.be("fails");
  await sets.refresh(server.url);
  const warned = await check[1]();
  assert.deepEqual([warned.status, warned.output], ["warn", "status"]);
  const [never] = Object.values(
    issuerChecks([{ issuer: "https://never.example" }], { states: async () => sets.states() }),
  );
  assert.deepEqual(await never!(), { status: "warn", output: "unusable" });
});
