import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
});
after(() => db.drop());

async function loginAgain(person: { email: string; password: string }, extra = {}) {
  const { email, password } = person;
  const answer = await app.call("POST", "/auth/login", { body: { email, password, ...extra } });
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

const whoami = async (token: string) => {
  const answer = await app.call("GET", "/auth/whoami", { token });
  return answer.status === 200 ? "ok" : answer.body.error_code;
};

const auditOf = async (subject: string) => {
  const { rows } = await db.database.query<{ action: string; session_id: string | null }>(sql`
    SELECT action, session_id FROM auth.audit_log WHERE subject = ${subject} ORDER BY number`);
  return rows;
};

test("the list shows the caller's own live sessions and which one is asking", async () => {
  const ana = await registerSomebody(app);
  const bob = await registerSomebody(app);
  const second = await loginAgain(ana, { device_info: { name: "Kitchen tablet" } });
  const answer = await app.call("GET", "/auth/sessions", { token: second.access_token });
  assert.equal(answer.status, 200, answer.text);
  const seen = answer.body.sessions.map((s: any) => [s.id, s.device, s.current]);
  assert.deepEqual(seen, [
    [second.session.id, "Kitchen tablet", true],
    [ana.session["id"], null, false],
  ]);
  assert.doesNotMatch(answer.text, new RegExp(bob.session["id"]));
});

test("logout ends the present session: its tokens are refused at once, others live on", async () => {
  const ana = await registerSomebody(app);
  const second = await loginAgain(ana);
  assert.equal(await whoami(second.access_token), "ok");
  const answer = await app.call("POST", "/auth/logout", { token: second.access_token });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.body, { message: "Logged out", sessions_ended: 1 });
  assert.equal(await whoami(second.access_token), "token_invalid");
  const refused = await app.call("POST", "/auth/refresh", {
    body: { refresh_token: second.refresh_token },
  });
  assert.equal(refused.body.error_code, "refresh_token_invalid");
  assert.equal(await whoami(ana.access_token), "ok");
  const events = await auditOf(ana.user["id"]);
  assert.deepEqual(events.at(-1), { action: "logout", session_id: second.session.id });
});

test("logout from all devices ends every session of the account and nobody else's", async () => {
  const ana = await registerSomebody(app);
  const bob = await registerSomebody(app);
  const others = [await loginAgain(ana), await loginAgain(ana)];
  for (const { access_token } of others) assert.equal(await whoami(access_token), "ok");
  const answer = await app.call("POST", "/auth/logout", {
    token: ana.access_token,
    body: { all_devices: true },
  });
  assert.equal(answer.body.sessions_ended, 3);
  for (const { access_token } of [ana, ...others]) {
    assert.equal(await whoami(access_token), "token_invalid");
  }
  assert.equal(await whoami(bob.access_token), "ok");
});

test("one other session can be ended by name; somebody else's is not there", async () => {
  const ana = await registerSomebody(app);
  const bob = await registerSomebody(app);
  const second = await loginAgain(ana);
  for (const foreign of [bob.session["id"], randomUUID()]) {
    const byDelete = await app.call("DELETE", `/auth/sessions/${foreign}`, {
      token: ana.access_token,
    });
    const byLogout = await app.call("POST", "/auth/logout", {
      token: ana.access_token,
      body: { session_id: foreign },
    });
    assert.deepEqual([byDelete.status, byLogout.status], [404, 404]);
  }
  assert.equal(await whoami(bob.access_token), "ok");

  const path = `/v2/auth/sessions/${second.session.id.toUpperCase()}`;
  const ended = await app.call("DELETE", path, { token: ana.access_token });
  assert.equal(ended.status, 204, ended.text);
  assert.equal(await whoami(second.access_token), "token_invalid");
  assert.equal(await whoami(ana.access_token), "ok");
  const events = await auditOf(ana.user["id"]);
  assert.deepEqual(events.at(-1), { action: "session.end", session_id: second.session.id });
  const again = await app.call("DELETE", path, { token: ana.access_token });
  assert.equal(again.status, 404);
  const third = await loginAgain(ana);
  const named = await app.call("POST", "/auth/logout", {
    token: ana.access_token,
    body: { session_id: third.session.id },
  });
  assert.deepEqual([named.status, named.body.sessions_ended], [200, 1]);
});

test("`wait=cluster` waits for the number that the log gave this logout", async () => {
  const ana = await registerSomebody(app);
  const answer = await app.call("POST", "/auth/logout?wait=cluster", { token: ana.access_token });
  assert.equal(answer.status, 200, answer.text);
  const { rows } = await db.database.query<{ number: number }>(sql`
    SELECT max(number) AS number FROM auth.invalidation_log`);
  assert.deepEqual(app.waits, [rows[0]!.number]);
  const unknown = await app.call("POST", "/auth/logout?wait=moon", { token: ana.access_token });
  assert.equal(unknown.status, 401);
});

test("without a token nothing is shown or ended", async () => {
  for (const [method, path] of [
    ["POST", "/auth/logout"],
    ["GET", "/auth/sessions"],
    ["DELETE", `/auth/sessions/${randomUUID()}`],
    ["GET", "/users/me"],
    ["PUT", "/users/me"],
    ["GET", "/auth/whoami"],
    ["POST", "/auth/verify"],
  ] as const) {
    const answer = await app.call(method, path);
    assert.equal(answer.body.error_code, "authentication_required", `${method} ${path}`);
  }
});

test("ending sessions is limited per account, because each wakes every process", async () => {
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: { revokeAccount: { count: 2, seconds: 600 } },
  });
  const ana = await registerSomebody(tight);
  const end = () =>
    tight.call("DELETE", `/auth/sessions/${randomUUID()}`, { token: ana.access_token });
  const statuses = [(await end()).status, (await end()).status];
  const third = await end();
  assert.deepEqual([...statuses, third.status], [404, 404, 429]);
  assert.ok(Number(third.headers["retry-after"]) > 200);
});
