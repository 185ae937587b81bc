import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createInlinePasswords } from "../../../src/auth/password/run-tasks.ts";
import { platformErrors } from "../../../src/platform/errors.ts";
import { renderPrometheus } from "../../../src/platform/metrics-text.ts";
import { sql } from "../../../src/platform/sql.ts";
import { crowd, openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { counted, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

type Somebody = Awaited<ReturnType<typeof registerSomebody>>;

let db: TestDatabase;
let app: TestApp;
before(async () => {
  // A connection for each of those who work at once: a busy machine keeps nobody waiting for one.
  db = await withDatabase({ connections: 16 });
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const NEW = "nine bowls of beans";
const change = (token: string, current: string, wanted: string, more = {}, on: TestApp = app) =>
  on.call("PUT", "/auth/password", {
    token,
    body: { current_password: current, new_password: wanted, ...more },
  });
const login = (email: string, password: string) =>
  app.call("POST", "/auth/login", { body: { email, password } });
const refresh = (token: string) =>
  app.call("POST", "/auth/refresh", { body: { refresh_token: token } });
const whoami = async (token: string) => (await app.call("GET", "/auth/whoami", { token })).status;
const codesOf = (answer: { body: any }) => answer.body.errors?.map((fault: any) => fault.code);
const inTenantWith = (somebody: Somebody, password: object) =>
  db.database.query(sql`
    WITH tenant AS (INSERT INTO auth.tenants (id, name, policy)
      VALUES (gen_random_uuid(), gen_random_uuid()::text, ${JSON.stringify({ password })}::jsonb)
      RETURNING id),
    moved AS (UPDATE iam.users SET tenant_id = (SELECT id FROM tenant)
      WHERE id = ${somebody.user["id"]})
    UPDATE auth.accounts SET tenant_id = (SELECT id FROM tenant)
     WHERE id = ${somebody.user["id"]}`);

test("a change ends the other sessions on their next request and keeps the present one", async () => {
  const ana = await registerSomebody(app);
  const other = (await login(ana.email, ana.password)).body;
  assert.deepEqual([await whoami(ana.access_token), await whoami(other.access_token)], [200, 200]);
  const answer = await change(ana.access_token, ana.password, NEW);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.sessions_ended, 1);
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.deepEqual([await whoami(ana.access_token), await whoami(other.access_token)], [200, 401]);
  assert.equal((await refresh(other.refresh_token)).status, 401);
  assert.equal((await login(ana.email, ana.password)).status, 401);
  assert.equal((await login(ana.email, NEW)).status, 200);
});

test("the present session's older refresh token is void, without an alarm; the new one goes on", async () => {
  const ana = await registerSomebody(app);
  const { body } = await change(ana.access_token, ana.password, NEW);
  const stale = await refresh(ana.refresh_token);
  assert.deepEqual([stale.status, stale.body.error_code], [401, "refresh_token_invalid"]);
  assert.equal(await whoami(body.access_token), 200);
  const next = await refresh(body.refresh_token);
  assert.equal(next.status, 200, next.text);
  assert.equal(next.body.session.id, ana.session["id"]);
});

test("all sessions end when that is asked for", async () => {
  const ana = await registerSomebody(app);
  const { body } = await change(ana.access_token, ana.password, NEW, { end_current_session: true });
  assert.deepEqual(body, { message: "The password was changed", sessions_ended: 1 });
  assert.equal(await whoami(ana.access_token), 401);
});

test("the owner is told by mail, the log names the cause, and it is counted", async () => {
  const ana = await registerSomebody(app);
  await change(ana.access_token, ana.password, NEW);
  const [mail] = await app.mailsTo(ana.email);
  assert.equal(mail!.subject, "Your password was changed");
  assert.doesNotMatch(mail!.text + mail!.html, /beans|plates/);
  const events = await db.database.read(sql`
    SELECT actor, reason FROM auth.audit_log
     WHERE action = 'password.change' AND subject = ${ana.user["id"]}`);
  assert.deepEqual(events, [{ actor: ana.user["id"], reason: "change; 0 sessions ended" }]);
  const { metrics } = app;
  const text = renderPrometheus([{ layout: metrics.layout(), block: metrics.block }]);
  assert.match(text, /brigade_password_changes_total\{cause="change"\} [1-9]/);
});

test("a wrong present password changes nothing and is told for its field", async () => {
  const ana = await registerSomebody(app);
  const answer = await change(ana.access_token, "not the password", NEW);
  assert.deepEqual([answer.status, codesOf(answer)], [422, ["password_wrong"]]);
  assert.equal(answer.body.errors[0].path, "/body/current_password");
  assert.equal((await login(ana.email, ana.password)).status, 200);
  assert.equal((await app.call("PUT", "/auth/password", { body: {} })).status, 401);
});

test("the new one is judged, and compared with the present and the former ones", async () => {
  const ana = await registerSomebody(app);
  await inTenantWith(ana, { historyCount: 2 });
  const { access_token: token } = (await login(ana.email, ana.password)).body;
  const weak = await change(token, ana.password, "password");
  assert.deepEqual(
    [weak.status, weak.body.errors[0].path, codesOf(weak)],
    [422, "/body/new_password", ["password_common", "password_weak"]],
  );
  const personal = await change(token, ana.password, ana.email);
  assert.ok(codesOf(personal).includes("password_personal"));
  const texts = [ana.password, "second of the row 2", "third of the row 33", "fourth of the row"];
  for (let at = 1; at < texts.length; at++) {
    for (const former of texts.slice(Math.max(0, at - 3), at)) {
      const again = await change(token, texts[at - 1]!, former);
      assert.deepEqual([again.status, codesOf(again)], [422, ["password_reused"]], former);
    }
    assert.equal((await change(token, texts[at - 1]!, texts[at]!)).status, 200);
  }
  // Two are remembered: the first of the four may come back.
  const back = await change(token, texts[3]!, texts[0]!);
  assert.equal(back.status, 200, back.text);
  const [kept] = await db.database.read(sql`
    SELECT count(*)::int AS count FROM auth.former_passwords WHERE account_id = ${ana.user["id"]}`);
  assert.deepEqual(kept, { count: 2 });
});

test("without a history the present one alone may not come back, and none is kept", async () => {
  const ana = await registerSomebody(app);
  await inTenantWith(ana, { historyCount: 0 });
  const { access_token: token } = (await login(ana.email, ana.password)).body;
  assert.deepEqual(codesOf(await change(token, ana.password, ana.password)), ["password_reused"]);
  assert.equal((await change(token, ana.password, NEW)).status, 200);
  assert.equal((await change(token, NEW, ana.password)).status, 200);
  const rows = await db.database.read(sql`
    SELECT FROM auth.former_passwords WHERE account_id = ${ana.user["id"]}`);
  assert.equal(rows.length, 0);
});

test("of many changes at once one wins, and its password is the one that counts", async () => {
  const ana = await registerSomebody(app);
  const wanted = Array.from({ length: 6 }, (_, i) => `bowl number ${i} of beans`);
  await openConnections(db.database, wanted.length);
  const answers = await Promise.all(
    wanted.map((password) => change(ana.access_token, ana.password, password)),
  );
  const winners = wanted.filter((_, i) => answers[i]!.status === 200);
  assert.equal(winners.length, 1, answers.map(({ status }) => status).join());
  const losers = answers.filter(({ status }) => status !== 200);
  assert.ok(losers.every(({ status }) => status === 409 || status === 422));
  assert.equal((await login(ana.email, winners[0]!)).status, 200);
  const rows = await db.database.read(sql`
    SELECT FROM auth.former_passwords WHERE account_id = ${ana.user["id"]}`);
  assert.equal(rows.length, 1);
});

test("guesses of the present password are counted before they are looked at", async () => {
  const ana = await registerSomebody(app);
  const { calls, passwords } = counted(createInlinePasswords());
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    passwords,
    budgets: { passwordAccount: { count: 3, seconds: 600 } },
  });
  const answers = await crowd([db.database], 30, 15, () =>
    change(ana.access_token, "a guess", NEW, {}, tight),
  );
  const statuses = answers.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 422).length, 3);
  assert.equal(statuses.filter((status) => status === 429).length, 27);
  assert.equal(calls.verify, 3);
});

test("a password that was not looked at, because too many waited, is no guess", async () => {
  const ana = await registerSomebody(app);
  const inline = createInlinePasswords();
  let isFull = true;
  const full = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    passwords: {
      ...inline,
      async verify(...given) {
        if (isFull) throw platformErrors.failure("overloaded");
        return inline.verify(...given);
      },
    },
    budgets: { passwordAccount: { count: 1, seconds: 600 } },
  });
  for (let round = 0; round < 3; round++) {
    const answer = await change(ana.access_token, ana.password, NEW, {}, full);
    assert.deepEqual([answer.status, answer.body.error_code], [503, "overloaded"]);
  }
  isFull = false;
  assert.equal((await change(ana.access_token, ana.password, NEW, {}, full)).status, 200);
});

test("a right one makes the budget whole again", async () => {
  const ana = await registerSomebody(app);
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: { passwordAccount: { count: 3, seconds: 600 } },
  });
  let present = ana.password;
  for (let round = 0; round < 3; round++) {
    await change(ana.access_token, "a guess", NEW, {}, tight);
    const wanted = `round ${round} of the beans`;
    assert.equal((await change(ana.access_token, present, wanted, {}, tight)).status, 200);
    present = wanted;
  }
});

test("a password that came between the proof and the change stays", async () => {
  const real = createInlinePasswords();
  const ana = await registerSomebody(app);
  const other = await real.hash("a password of somebody quicker");
  const racing = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    passwords: {
      ...real,
      async verify(...asked) {
        const verdict = await real.verify(...asked);
        await db.database.query(sql`
          UPDATE auth.credentials SET password_hash = ${other}
           WHERE account_id = ${ana.user["id"]}`);
        return verdict;
      },
    },
  });
  const answer = await change(ana.access_token, ana.password, NEW, {}, racing);
  assert.deepEqual([answer.status, answer.body.error_code], [409, "version_conflict"]);
  assert.equal((await login(ana.email, "a password of somebody quicker")).status, 200);
});
