import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { remindOfExpiry } from "../../../src/auth/password/reminder.ts";
import { forcePasswordChange } from "../../../src/auth/password/store.ts";
import { createSealer } from "../../../src/auth/keys/sealer.ts";
import { createQueueMail } from "../../../src/platform/mail.ts";
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

const NEW = "nine bowls of beans";
const login = (email: string, password: string) =>
  app.call("POST", "/auth/login", { body: { email, password } });
const setPassword = (token: string, password: string) =>
  app.call("PUT", "/auth/password/reset", { body: { token, new_password: password } });

/** Somebody of a tenant with this policy, whose password is so many days old. */
async function somebodyWith(password: object, ageDays: number) {
  const somebody = await registerSomebody(app);
  const id = somebody.user["id"] as string;
  await db.database.query(sql`
    WITH tenant AS (INSERT INTO auth.tenants (id, name, policy)
      VALUES (gen_random_uuid(), gen_random_uuid()::text, ${JSON.stringify({ password })}::jsonb)
      RETURNING id),
    moved AS (UPDATE iam.users SET tenant_id = (SELECT id FROM tenant) WHERE id = ${id})
    UPDATE auth.accounts SET tenant_id = (SELECT id FROM tenant) WHERE id = ${id}`);
  await age(id, ageDays);
  return { ...somebody, id };
}

const age = (id: string, days: number) =>
  db.database.query(sql`
    UPDATE auth.credentials SET changed_at = now() - make_interval(days => ${days}::int)
     WHERE account_id = ${id}`);

const sessionsOf = async (id: string) =>
  (
    await db.database.read(sql`
      SELECT FROM auth.sessions WHERE account_id = ${id} AND ended_at IS NULL`)
  ).length;

test("a password that is too old opens nothing; its token sets another one, once", async () => {
  const ana = await somebodyWith({ expiryDays: 90 }, 90);
  const before = await sessionsOf(ana.id);
  const wrong = await login(ana.email, "not the password");
  assert.equal(wrong.body.error_code, "credentials_invalid", "a stranger learns nothing of it");
  const answer = await login(ana.email, ana.password);
  assert.deepEqual([answer.status, answer.body.error_code], [403, "password_expired"]);
  assert.equal(answer.body.access_token, undefined);
  assert.equal(await sessionsOf(ana.id), before);
  const { change_token: token, expires_in: seconds } = answer.body;
  assert.equal(seconds, 900);
  assert.equal((await setPassword(token, ana.password)).body.errors[0].code, "password_reused");
  assert.equal((await setPassword(token, NEW)).status, 200);
  assert.equal((await setPassword(token, "yet another bowl")).status, 400);
  assert.equal((await login(ana.email, NEW)).status, 200);
  const [event] = await db.database.read(sql`
    SELECT reason FROM auth.audit_log
     WHERE action = 'password.change' AND subject = ${ana.id}`);
  assert.match(String(event!["reason"]), /^expired;/);
});

test("of the tokens of several such logins one sets a password, and the others are void then", async () => {
  const ana = await somebodyWith({ expiryDays: 90 }, 90);
  const [first, second] = [
    await login(ana.email, ana.password),
    await login(ana.email, ana.password),
  ];
  assert.equal((await setPassword(second.body.change_token, NEW)).status, 200);
  const late = await setPassword(first.body.change_token, "yet another bowl");
  assert.deepEqual([late.status, late.body.error_code], [400, "link_invalid"]);
  assert.equal((await login(ana.email, NEW)).status, 200);
});

test("by default, and before their day, passwords do not end", async () => {
  const ana = await somebodyWith({}, 5_000);
  assert.equal((await login(ana.email, ana.password)).status, 200);
  const ben = await somebodyWith({ expiryDays: 90 }, 89);
  assert.equal((await login(ben.email, ben.password)).status, 200);
});

test("an administrator's demand is met at the next login, and then over", async () => {
  const ana = await somebodyWith({}, 0);
  await db.database.withTransaction(async (tx) => {
    assert.equal(await forcePasswordChange(tx, ana.id), true);
    assert.equal(await forcePasswordChange(tx, "00000000-0000-7000-8000-00000000ffff"), false);
  });
  const answer = await login(ana.email, ana.password);
  assert.equal(answer.body.error_code, "password_expired");
  assert.equal((await setPassword(answer.body.change_token, NEW)).status, 200);
  assert.equal((await login(ana.email, NEW)).status, 200);
});

test("whoever has the password alone is asked for the second factor first", async () => {
  const ana = await somebodyWith({ expiryDays: 1 }, 30);
  await db.database.query(sql`
    UPDATE auth.accounts SET factors = '{totp}', factor_version = factor_version + 1
     WHERE id = ${ana.id}`);
  const answer = await login(ana.email, ana.password);
  assert.equal(answer.body.error_code, "mfa_required");
  assert.equal(answer.body.change_token, undefined);
});

test("a right password that is too old is no wrong attempt", async () => {
  const ana = await somebodyWith({ expiryDays: 1 }, 30);
  for (let i = 0; i < 8; i++) {
    assert.equal((await login(ana.email, ana.password)).body.error_code, "password_expired");
  }
});

test("owners are reminded once before the end, and again for the next password", async () => {
  const queueMail = createQueueMail(createSealer(app.config));
  const remind = () => remindOfExpiry({ database: db.database, queueMail, config: app.config });
  await remind();
  const soon = await somebodyWith({ expiryDays: 90, reminderDays: 7 }, 84);
  const later = await somebodyWith({ expiryDays: 90, reminderDays: 7 }, 82);
  const never = await somebodyWith({ expiryDays: 0, reminderDays: 7 }, 84);
  const over = await somebodyWith({ expiryDays: 90, reminderDays: 7 }, 91);
  const outcomes = await Promise.all([remind(), remind(), remind()]);
  assert.equal(
    outcomes.reduce((sum, count) => sum + count, 0),
    1,
  );
  const subjects = async (email: string) =>
    (await app.mailsTo(email))
      .map(({ subject }) => subject)
      .filter((subject) => /expire/.test(subject));
  assert.equal((await subjects(soon.email)).length, 1);
  for (const { email } of [later, never, over]) assert.deepEqual(await subjects(email), []);
  const { access_token: token } = (await login(soon.email, soon.password)).body;
  const body = { current_password: soon.password, new_password: NEW };
  assert.equal((await app.call("PUT", "/auth/password", { token, body })).status, 200);
  assert.equal(await remind(), 0);
  await age(soon.id, 85);
  assert.equal(await remind(), 1);
  assert.equal((await subjects(soon.email)).length, 2);
});
