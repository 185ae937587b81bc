import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase({ connections: 14 });
  app = await startApp({ database: db.database });
});
after(() => db.drop());

async function somebodyWith(policy: object) {
  const somebody = await registerSomebody(app);
  await db.database.query(sql`
    WITH tenant AS (
      INSERT INTO auth.tenants (id, name, policy)
      VALUES (gen_random_uuid(), gen_random_uuid()::text, ${JSON.stringify(policy)}::jsonb)
      RETURNING id),
    moved AS (UPDATE auth.sessions SET tenant_id = (SELECT id FROM tenant)
               WHERE id = ${somebody.session["id"]})
    UPDATE auth.accounts SET tenant_id = (SELECT id FROM tenant) WHERE id = ${somebody.user["id"]}`);
  await db.database.query(sql`
    UPDATE iam.users SET tenant_id = (SELECT tenant_id FROM auth.accounts WHERE id = users.id)
     WHERE id = ${somebody.user["id"]}`);
  const { body } = await app.call("POST", "/auth/login", {
    body: { email: somebody.email, password: somebody.password },
  });
  return body.access_token as string;
}

test("the policy of the default tenant for strangers, of one's own for whoever shows a token", async () => {
  const open = await app.call("GET", "/auth/password/policy");
  assert.equal(open.status, 200);
  assert.deepEqual(open.body, {
    profile: "standard",
    min_length: 8,
    max_length: 256,
    max_bytes: null,
    requires_all_kinds: false,
    min_score: 2,
    breach_check: "offline",
    history_count: 5,
    expiry_days: 0,
    reminder_days: 7,
  });
  const token = await somebodyWith({
    password: { profile: "strict", historyCount: 3, expiryDays: 90 },
  });
  const own = await app.call("GET", "/v2/auth/password/policy", { token });
  assert.deepEqual(
    [own.body.profile, own.body.min_length, own.body.history_count, own.body.expiry_days],
    ["strict", 12, 3, 90],
  );
  const refused = await app.call("GET", "/auth/password/policy", { token: `${token}x` });
  assert.deepEqual([refused.status, refused.body.error_code], [401, "token_invalid"]);
});

test("strength: a score, whether it may be taken, and what it lacks", async () => {
  const ask = async (body: Record<string, unknown>, token?: string) =>
    (await app.call("POST", "/auth/password/strength", { body, token })).body;
  const good = await ask({ password: "four plates of rice" });
  assert.deepEqual([good.acceptable, good.unmet], [true, []]);
  assert.ok(good.score >= 3);
  const bad = await ask({ password: "marianne", email: "marianne@example.com" });
  assert.equal(bad.acceptable, false);
  const codes = bad.unmet.map((fault: any) => fault.code);
  assert.ok(codes.includes("password_personal") && codes.includes("password_weak"));
  const token = await somebodyWith({ password: { profile: "nist" } });
  const own = await ask({ password: "four plates" }, token);
  assert.deepEqual(
    own.unmet.map((fault: any) => fault.code),
    ["password_short"],
  );
});

test("the same list comes with the 422 of register", async () => {
  const body = { email: "marianne@example.com", username: "marianne", password: "marianne" };
  const strength = await app.call("POST", "/auth/password/strength", { body });
  const register = await app.call("POST", "/auth/register", { body });
  assert.equal(register.status, 422);
  assert.deepEqual(
    register.body.errors.map(({ code, message }: any) => ({ code, message })),
    strength.body.unmet,
  );
});

test("strength is budgeted per network, before any work", async () => {
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: { strengthNetwork: { count: 2, seconds: 600 } },
  });
  const ask = (address: string) =>
    tight.call("POST", "/auth/password/strength", { body: { password: "x" }, address });
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask("192.0.2.77")));
  assert.equal(answers.filter(({ status }) => status === 200).length, 2);
  const refused = answers.find(({ status }) => status !== 200)!;
  assert.deepEqual([refused.status, refused.body.error_code], [429, "rate_limited"]);
  assert.equal((await ask("192.0.2.78")).status, 200);
});

test("generate: another one each time, of the length asked for, good enough for register", async () => {
  const make = (body?: unknown, token?: string) =>
    app.call("POST", "/auth/password/generate", { body, token });
  const first = await make();
  assert.equal(first.status, 200);
  assert.equal(first.headers["cache-control"], "no-store");
  assert.equal(first.body.password.length, 20);
  assert.notEqual((await make({})).body.password, first.body.password);
  const simple = (await make({ length: 32, complexity: "simple" })).body.password as string;
  assert.match(simple, /^[A-Za-z2-9]{32}$/);
  await registerSomebody(app, { password: simple });
  for (const length of [11, 65, 1.5, "20"]) {
    assert.equal((await make({ length })).status, 422);
  }
  const token = await somebodyWith({ password: { profile: "nist" } });
  assert.equal((await make({ length: 12 })).status, 200);
  const short = await make({ length: 12 }, token);
  assert.deepEqual([short.status, short.body.errors[0].path], [422, "/body/length"]);
});
