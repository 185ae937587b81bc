import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findAccount } from "../../../src/auth/accounts/store.ts";
import { createAlerts } from "../../../src/auth/alerts/alerts.ts";
import { createRisk } from "../../../src/auth/risk/risk.ts";
import { createFreshPolicyOf } from "../../../src/auth/tenants/policies.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

interface LoginFrom {
  readonly device?: string;
  readonly agent?: string;
}

async function login(on: TestApp, owner: { email: string; password: string }, from: LoginFrom) {
  const { device, agent = FIREFOX } = from;
  return on.call("POST", "/auth/login", {
    body: {
      email: owner.email,
      password: owner.password,
      ...(device === undefined ? {} : { device_info: { secret: `the secret of ${device}` } }),
    },
    headers: { "user-agent": agent },
  });
}

const eventsOf = (id: unknown, action: string) =>
  db.database.read<{ reason: string }>(sql`
    SELECT reason FROM auth.audit_log WHERE subject = ${String(id)} AND action = ${action}
     ORDER BY number`);

test("a login from a new device is let in, written down with its reasons, and told to the owner once", async () => {
  const ana = await registerSomebody(app);
  for (const device of ["laptop", "laptop", "phone", "tablet"]) {
    assert.equal((await login(app, ana, { device })).status, 200);
  }
  const reasons = (await eventsOf(ana.user["id"], "login.anomaly")).map(({ reason }) => reason);
  assert.deepEqual(reasons, ["score 25, trust 0: new_device", "score 25, trust 0: new_device"]);
  const mails = await db.database.read<{ name: string }>(sql`
    SELECT payload ->> 'name' AS name FROM platform.outbox
     WHERE payload ->> 'account_id' = ${ana.user["id"]} AND payload ->> 'name' = 'new_login'`);
  assert.equal(mails.length, 1, "the second within the hour is counted, not sent");
  const [held] = await db.database.read<{ suppressed: number }>(sql`
    SELECT suppressed FROM auth.alert_windows WHERE subject = ${ana.user["id"]}`);
  assert.equal(held!.suppressed, 1);
});

test("a tenant's score refuses an unusual login, and a known device gets in", async () => {
  const strict = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    policy: { risk: { challengeScore: 101, refuseScore: 30 } },
  });
  const ana = await registerSomebody(app);
  assert.equal((await login(strict, ana, { device: "laptop" })).status, 200);
  assert.equal((await login(strict, ana, { device: "phone" })).status, 200, "25 is below 30");
  const refused = await login(strict, ana, { device: "stranger", agent: "curl/8.0" });
  assert.deepEqual([refused.status, refused.body.error_code], [403, "login_refused"]);
  const failures = await eventsOf(ana.user["id"], "login.failure");
  assert.equal(failures.at(-1)!.reason, "score 35, trust 0: new_device, changed_agent");
  assert.equal((await login(strict, ana, { device: "laptop", agent: "curl/8.0" })).status, 200);
});

test("an account without a second factor is not shut out by a score that asks for one", async () => {
  const asking = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    policy: { risk: { challengeScore: 20, refuseScore: 101 } },
  });
  const ana = await registerSomebody(app);
  await login(asking, ana, { device: "laptop" });
  assert.equal((await login(asking, ana, { device: "phone" })).status, 200);
  await db.database.query(sql`
    UPDATE auth.accounts SET factors = '{totp}' WHERE id = ${ana.user["id"]}`);
  const asked = await login(asking, ana, { device: "tablet" });
  assert.deepEqual([asked.status, asked.body.error_code], [401, "mfa_required"]);
});

test("what is usual is one bounded row for an account", async () => {
  const ana = await registerSomebody(app);
  const agents = ["curl/8.0", FIREFOX, "okhttp/4", "python-requests/2", "node", "curl/9"];
  for (const [at, agent] of agents.entries()) {
    assert.equal((await login(app, ana, { device: `device ${at}`, agent })).status, 200);
  }
  const [profile] = await db.database.read<{
    logins: number;
    hours: number[];
    agents: string[];
  }>(sql`
    SELECT logins, hours, agents FROM auth.login_profiles WHERE account_id = ${ana.user["id"]}`);
  assert.equal(profile!.logins, 6);
  assert.equal(profile!.hours.length, 24);
  assert.equal(
    profile!.hours.reduce((sum, count) => sum + count, 0),
    6,
  );
  assert.deepEqual(profile!.agents, ["curl", "Node.js", "Python", "okhttp", "Firefox on Linux"]);
});

test("the gate asks everything it wants to know at once", async () => {
  const person = await registerSomebody(app);
  let [asking, most] = [0, 0];
  const query: Database["query"] = async (statement) => {
    most = Math.max(most, ++asking);
    return db.database.query(statement).finally(() => asking--) as never;
  };
  const { config, metrics, countryOf } = app;
  const { gate } = createRisk({
    database: { ...db.database, query },
    metrics,
    clock: systemClock,
    policyOf: createFreshPolicyOf({ database: db.database, config }),
    countryOf,
    alerts: createAlerts({ queueMail: async () => {}, config }),
  });
  const account = await findAccount(db.database, { email: person.email });
  const caller = { address: "192.0.2.7", userAgent: FIREFOX, requestId: "r" };
  const attempt = { account: account!, caller, device: undefined, rememberMe: false, amr: ["pwd"] };
  const outcome = await gate({ ...attempt, trustedDeviceToken: undefined });
  assert.deepEqual([outcome.kind, most], ["allow", 2]);
});
