import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StoredPolicy } from "../../../src/auth/tenants/policy.ts";
import { sql } from "../../../src/platform/sql.ts";
import { DEFAULT_TENANT } from "../../support/callers.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;

before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database, env: { COUNTRY_DATABASE: "built-in" } });
});
after(() => db.drop());

async function decide(policy: StoredPolicy["sessions"]) {
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`UPDATE auth.tenants SET policy = ${JSON.stringify({ sessions: policy })}
      WHERE id = ${DEFAULT_TENANT}`);
    app.invalidate(tx, [{ kind: "policies" }]);
  });
}

const login = (email: string, password: string, extra: object = {}) =>
  app.call("POST", "/auth/login", { body: { email, password, ...extra } });

const lifeOf = (body: any) =>
  Math.round((Date.parse(body.session.expires_at) - Date.parse(body.session.created_at)) / 1000);

test("the tenant's policy decides how long a session lives, with and without remember_me", async () => {
  const ana = await registerSomebody(app);
  await decide({ idleSeconds: 600, absoluteSeconds: 3_600, rememberMeSeconds: 1_200 });
  const short = await login(ana.email, ana.password);
  assert.equal(lifeOf(short.body), 600);
  assert.ok(short.body.expires_in <= 600, "no access token outlives its session");
  const long = await login(ana.email, ana.password, { remember_me: true });
  assert.equal(lifeOf(long.body), 1_200);
  const [row] = (
    await db.database.query<{ absolute: number }>(sql`
      SELECT extract(epoch FROM absolute_expires_at - created_at)::int AS absolute
        FROM auth.sessions WHERE id = ${long.body.session.id}`)
  ).rows;
  assert.equal(row!.absolute, 3 * 3_600);
});

test("the tenant's policy decides how many sessions there are and what happens at the limit", async () => {
  const ana = await registerSomebody(app);
  await decide({ perAccount: 2, atLimit: "refuse" });
  const second = await login(ana.email, ana.password);
  assert.equal(second.status, 200);
  const refused = await login(ana.email, ana.password);
  assert.deepEqual([refused.status, refused.body.error_code], [409, "conflict"]);
  await decide({ perAccount: 2, atLimit: "evict" });
  assert.equal((await login(ana.email, ana.password)).status, 200);
  const evicted = await app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(evicted.status, 401, "the one not used for longest");
});

test("a session knows the country it was opened from", async () => {
  await decide({});
  const ana = await registerSomebody(app);
  const body = { email: ana.email, password: ana.password };
  const abroad = await app.call("POST", "/auth/login", { body, address: "200.160.2.3" });
  assert.equal(abroad.body.session.country, "BR");
  assert.equal(abroad.body.session.network, "200.160.2.0/24");
  const wrong = { email: ana.email, password: "not the right one" };
  await app.call("POST", "/auth/login", { body: wrong, address: "200.160.2.3" });
  const events = await db.database.read<{ action: string; country: string }>(sql`
    SELECT action, country FROM auth.audit_log
    WHERE subject = ${ana.user["id"]} AND network = '200.160.2.0/24' ORDER BY number`);
  for (const action of ["login.success", "login.failure"]) {
    assert.equal(events.find((event) => event.action === action)?.country, "BR", action);
  }
});
