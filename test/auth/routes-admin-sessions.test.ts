import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";

const OTHER_TENANT = "00000000-0000-7000-8000-00000000000b";

let db: TestDatabase;
let app: TestApp;
let admin: Awaited<ReturnType<typeof registerAdmin>>;
let foreignAdmin: Awaited<ReturnType<typeof registerAdmin>>;

before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
  await db.database.query(
    sql`INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'other')`,
  );
  admin = await registerAdmin(app);
  foreignAdmin = await registerAdmin(app, OTHER_TENANT);
});
after(() => db.drop());

const whoami = async (token: string) => (await app.call("GET", "/auth/whoami", { token })).status;

async function twoSessions() {
  const person = await registerSomebody(app);
  const { email, password } = person;
  const second = await app.call("POST", "/auth/login", { body: { email, password } });
  return { person, second: second.body, accountId: person.user["id"] as string };
}

test("an administrator sees the sessions of the tenant, page by page, and of one account", async () => {
  const { accountId, second } = await twoSessions();
  const answer = await app.call("GET", `/v1/admin/accounts/${accountId}/sessions`, {
    token: admin.access_token,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.pagination.total, 2);
  assert.equal(answer.body.data[0].id, second.session.id, "the latest first");
  assert.equal(answer.body.data[0].account_id, accountId);
  assert.equal(answer.body.data[0].current, false);
  const page = await app.call("GET", "/v1/admin/sessions?limit=1&skip=1", {
    token: admin.access_token,
  });
  assert.equal(page.body.data.length, 1);
  assert.ok(page.body.pagination.total >= 3);
  const past = await app.call("GET", "/v1/admin/sessions?skip=5000", { token: admin.access_token });
  assert.deepEqual([past.body.data, past.body.pagination.total > 0], [[], true]);
});

test("an administrator ends one session or all of an account, and its tokens stop at once", async () => {
  const { accountId, person, second } = await twoSessions();
  const token = admin.access_token;
  for (const { access_token } of [person, second]) assert.equal(await whoami(access_token), 200);
  const one = await app.call("DELETE", `/v1/admin/sessions/${second.session.id}`, { token });
  assert.equal(one.status, 204, one.text);
  assert.deepEqual(
    [await whoami(second.access_token), await whoami(person.access_token)],
    [401, 200],
  );
  const again = await app.call("DELETE", `/v1/admin/sessions/${second.session.id}`, { token });
  assert.equal(again.status, 404);
  const all = await app.call("DELETE", `/v1/admin/accounts/${accountId}/sessions?wait=cluster`, {
    token,
  });
  assert.deepEqual([all.status, all.body], [200, { data: { sessions_ended: 1 } }]);
  assert.equal(await whoami(person.access_token), 401);
  assert.ok(app.waits.length > 0, "?wait=cluster waited");
  const { rows } = await db.database.query<Record<string, unknown>>(sql`
    SELECT action, actor, session_id FROM auth.audit_log
     WHERE subject = ${accountId} AND action = 'session.end' ORDER BY number`);
  assert.deepEqual(rows, [
    { action: "session.end", actor: admin.user["id"], session_id: second.session.id },
    { action: "session.end", actor: admin.user["id"], session_id: null },
  ]);
});

test("another tenant's administrator sees and ends nothing of ours", async () => {
  const { accountId, person } = await twoSessions();
  const token = foreignAdmin.access_token;
  const id = person.session["id"] as string;
  const list = await app.call("GET", `/v1/admin/accounts/${accountId}/sessions`, { token });
  assert.deepEqual([list.status, list.body.data, list.body.pagination.total], [200, [], 0]);
  const named = await app.call("GET", `/v1/admin/sessions?account_id=${accountId}`, { token });
  assert.deepEqual(named.body.data, []);
  const all = await app.call("GET", "/v1/admin/sessions", { token });
  assert.ok(all.body.data.every((entry: any) => entry.account_id === foreignAdmin.user["id"]));
  assert.equal((await app.call("DELETE", `/v1/admin/sessions/${id}`, { token })).status, 404);
  const ended = await app.call("DELETE", `/v1/admin/accounts/${accountId}/sessions`, { token });
  assert.deepEqual(ended.body, { data: { sessions_ended: 0 } });
  const asked = await app.call("POST", `/v1/admin/sessions/${id}/validate`, {
    token,
    body: { address: "192.0.2.1" },
  });
  assert.equal(asked.status, 404);
  assert.equal(await whoami(person.access_token), 200);
});

test("who lacks manage_users administers nothing", async () => {
  const { person, accountId } = await twoSessions();
  const token = person.access_token;
  for (const [method, path] of [
    ["GET", "/v1/admin/sessions"],
    ["GET", `/v1/admin/accounts/${accountId}/sessions`],
    ["DELETE", `/v1/admin/accounts/${accountId}/sessions`],
    ["DELETE", `/v1/admin/sessions/${person.session["id"]}`],
  ] as const) {
    assert.equal((await app.call(method, path, { token })).status, 403, `${method} ${path}`);
  }
  assert.equal(await whoami(token), 200);
});

test("validating a session tells what is unusual about a use, and changes nothing", async () => {
  const person = await registerSomebody(app);
  const token = admin.access_token;
  const ask = async (id: string, body: object) =>
    (await app.call("POST", `/v1/admin/sessions/${id}/validate`, { token, body })).body.data;
  const id = person.session["id"] as string;
  const home = await ask(id, { address: "192.0.2.9", user_agent: "" });
  assert.deepEqual(home, { active: true, changes: [], flags: [], trust: 85 });
  const odd = await ask(id, { address: "8.8.8.8", user_agent: "curl/8.5.0" });
  assert.deepEqual(odd.changes, ["network_changed", "agent_changed"]);
  assert.deepEqual([odd.flags, odd.trust], [[], 45]);
  assert.equal(await ask(randomUUID(), { address: "192.0.2.9" }), undefined);
  await app.call("POST", "/auth/logout", { token: person.access_token });
  assert.deepEqual(await ask(id, { address: "192.0.2.9" }), { active: false });
});

test("logging out the other devices leaves the present one alone", async () => {
  const { person, second } = await twoSessions();
  const answer = await app.call("POST", "/auth/logout", {
    token: second.access_token,
    body: { other_devices: true },
  });
  assert.deepEqual([answer.status, answer.body.sessions_ended], [200, 1]);
  assert.deepEqual(
    [await whoami(person.access_token), await whoami(second.access_token)],
    [401, 200],
  );
});
