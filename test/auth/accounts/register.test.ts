import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { GOOD_PASSWORD, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const register = (on: TestApp, body: Record<string, unknown>, address = "192.0.2.1") =>
  on.call("POST", "/auth/register", { body: { password: GOOD_PASSWORD, ...body }, address });

const withVerification = (mode: string) =>
  startApp({ database: db.database, keyRing: app.keyRing, env: { EMAIL_VERIFICATION: mode } });

for (const mode of ["off", "optional"]) {
  test(`EMAIL_VERIFICATION=${mode}: a taken address is 409 and the field is named`, async () => {
    const open = await withVerification(mode);
    const email = `${mode}@example.com`;
    const first = await register(open, { email });
    assert.equal(first.status, 201);
    assert.equal(first.body.user.email_verified, false);
    const second = await register(open, { email: email.toUpperCase() });
    assert.deepEqual([second.status, second.body.error_code], [409, "account_exists"]);
    assert.deepEqual(
      second.body.errors.map((fault: any) => fault.path),
      ["/body/email"],
    );
  });
}

test("EMAIL_VERIFICATION=required: new and taken addresses get one answer, and no token", async () => {
  const closed = await withVerification("required");
  const email = "quiet@example.com";
  const first = await register(closed, { email, username: "quiet" });
  const again = await register(closed, { email, username: "louder" });
  assert.deepEqual([first.status, again.status], [202, 202], first.text);
  assert.equal(first.text, again.text);
  assert.deepEqual(Object.keys(first.body), ["message"]);
  assert.deepEqual(Object.keys(first.headers).toSorted(), Object.keys(again.headers).toSorted());
  const rows = await db.database.read(sql`SELECT username, email_verified,
    (SELECT count(*)::int FROM auth.sessions s WHERE s.account_id = a.id) AS sessions
    FROM auth.accounts a WHERE email = ${email}`);
  assert.deepEqual(rows, [{ username: "quiet", email_verified: false, sessions: 0 }]);
});

test("EMAIL_VERIFICATION=required: a taken user name is 409 whatever the address is", async () => {
  const closed = await withVerification("required");
  await register(closed, { email: "first@example.com", username: "fixed" });
  for (const email of ["first@example.com", "unheard@example.com"]) {
    const answer = await register(closed, { email, username: "FIXED" });
    assert.deepEqual([answer.status, answer.body.error_code], [409, "account_exists"]);
    assert.deepEqual(
      answer.body.errors.map((fault: any) => fault.path),
      ["/body/username"],
    );
  }
});

test("EMAIL_VERIFICATION=required: only the right password learns that the address is unproven", async () => {
  const closed = await withVerification("required");
  const email = "unproven@example.com";
  await register(closed, { email });
  const login = (password: string) =>
    closed.call("POST", "/auth/login", { body: { email, password } });
  const right = await login(GOOD_PASSWORD);
  assert.deepEqual([right.status, right.body.error_code], [403, "account_disabled"]);
  assert.equal((await login("not the password")).body.error_code, "credentials_invalid");
  await db.database.query(sql`UPDATE auth.accounts SET email_verified = true
    WHERE email = ${email}`);
  assert.equal((await login(GOOD_PASSWORD)).status, 200);
});

test("registrations are counted per network, refused ones too", async () => {
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: { registerNetwork: { count: 2, seconds: 3600 } },
  });
  const here = "2001:db8:1:2::9";
  assert.equal((await register(tight, { email: "one@example.com" }, here)).status, 201);
  assert.equal(
    (await register(tight, { email: "one@example.com" }, "2001:db8:1:2:ffff::1")).status,
    409,
  );
  const refused = await register(tight, { email: "two@example.com" }, here);
  assert.deepEqual([refused.status, refused.body.error_code], [429, "rate_limited"]);
  assert.ok(Number(refused.headers["retry-after"]) > 1700);
  assert.equal(
    (await register(tight, { email: "two@example.com" }, "2001:db8:1:3::9")).status,
    201,
  );
});

test("PASSWORD_PROFILE=strict wants 12 characters of four kinds", async () => {
  const strict = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    env: { PASSWORD_PROFILE: "strict" },
  });
  const attempt = async (password: string, email: string) => {
    const answer = await register(strict, { email, password });
    return answer.status === 422
      ? answer.body.errors.map((fault: any) => fault.code)
      : answer.status;
  };
  assert.deepEqual(await attempt("Plate4-Rice", "s1@example.com"), ["password_short"]);
  assert.deepEqual(await attempt("four plates of rice", "s2@example.com"), ["password_simple"]);
  assert.equal(await attempt("Four plates of rice 4", "s3@example.com"), 201);
});
