import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";
import { askToken, basic, makeMachine, type Admin, type Machine } from "./rig.ts";

const OTHER_TENANT = "00000000-0000-7000-8000-00000000000d";
const BASIC = "iam:access_basic_features";
const MANAGE = "iam:manage_users";
const INACTIVE = '{"active":false}';

let db: TestDatabase;
let app: TestApp;
let admin: Admin;
let service: Machine;
let manager: Machine;
let stranger: Machine;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
  await db.database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'b')`);
  admin = await registerAdmin(app);
  service = await makeMachine(app, admin, [BASIC]);
  manager = await makeMachine(app, admin, [MANAGE], ["iam/administrator"]);
  stranger = await makeMachine(
    app,
    await registerAdmin(app, OTHER_TENANT),
    [MANAGE],
    ["iam/administrator"],
  );
});
after(() => db.drop());

const ask = (machine: Machine, token: string) =>
  app.call("POST", "/oauth/introspect", { headers: basic(machine), form: { token } });
const revoke = (machine: Machine, token: string) =>
  app.call("POST", "/oauth/revoke", { headers: basic(machine), form: { token } });
const whoami = async (token: string) => (await app.call("GET", "/auth/whoami", { token })).status;

test("a live token is described, a person's and a machine's", async () => {
  const ana = await registerSomebody(app);
  const person = await ask(service, ana.access_token);
  assert.equal(person.status, 200, person.text);
  assert.equal(person.headers["cache-control"], "no-store");
  assert.deepEqual(
    [person.body.active, person.body.sub, person.body.kind, person.body.sid],
    [true, ana.user["id"], "user", ana.session["id"]],
  );
  const issued = (await askToken(app, service)).body.access_token;
  const machine = await ask(service, issued);
  assert.deepEqual(
    [machine.body.active, machine.body.client_id, machine.body.scope, machine.body.kind],
    [true, service.id, BASIC, "machine"],
  );
  const refresh = await ask(service, ana.refresh_token);
  assert.deepEqual([refresh.body.active, refresh.body.token_type], [true, "refresh_token"]);
});

test("whatever is wrong with a token, the answer is exactly that it is not active", async () => {
  const ana = await registerSomebody(app);
  const used = ana.refresh_token;
  const next = await app.call("POST", "/auth/refresh", { body: { refresh_token: used } });
  const gone = await registerSomebody(app);
  await app.call("POST", "/auth/logout", { token: gone.access_token });
  const forged = `${ana.access_token.slice(0, -6)}AAAAAA`;
  for (const token of [
    ...["x", "a.b.c", forged, used, `${next.body.refresh_token.slice(0, -4)}AAAA`],
    ...[gone.access_token, gone.refresh_token, "brg_x"],
  ]) {
    const answer = await ask(service, token);
    assert.deepEqual([answer.status, answer.text], [200, INACTIVE], token.slice(0, 12));
  }
  // Another tenant's client learns nothing of a token that is good.
  assert.equal((await ask(stranger, ana.access_token)).text, INACTIVE);
  assert.equal((await ask(stranger, next.body.refresh_token)).text, INACTIVE);
  assert.equal((await ask(service, next.body.access_token)).body.active, true);
});

test("nobody is told anything without a client's secret", async () => {
  const ana = await registerSomebody(app);
  const form = { token: ana.access_token };
  for (const path of ["/oauth/introspect", "/oauth/revoke"]) {
    const bare = await app.call("POST", path, { form, token: ana.access_token });
    assert.deepEqual([bare.status, bare.body.error], [401, "invalid_client"]);
    const wrong = await app.call("POST", path, {
      form,
      headers: basic({ ...service, secret: "no" }),
    });
    assert.equal(wrong.status, 401);
    const none = await app.call("POST", path, { form: "a=b", headers: basic(service) });
    assert.deepEqual([none.status, none.body.error], [400, "invalid_request"]);
  }
  assert.equal(await whoami(ana.access_token), 200);
});

test("a client takes its own token back, and it stops at the next request", async () => {
  const issued = (await askToken(app, service)).body.access_token;
  const other = (await askToken(app, service)).body.access_token;
  assert.equal(await whoami(issued), 200);
  const answer = await revoke(service, issued);
  assert.deepEqual([answer.status, answer.body], [200, {}]);
  assert.equal(await whoami(issued), 401);
  assert.equal((await ask(service, issued)).text, INACTIVE);
  assert.equal(await whoami(other), 200, "only that one");
  assert.equal((await revoke(service, issued)).status, 200, "twice is once");
  assert.equal((await revoke(service, "nonsense")).status, 200);
});

test("somebody else's token takes a client that manages users, of the same tenant", async () => {
  const ana = await registerSomebody(app);
  const refused = await revoke(service, ana.access_token);
  assert.deepEqual([refused.status, refused.body.error], [400, "unauthorized_client"]);
  assert.equal((await revoke(service, ana.refresh_token)).status, 400);
  assert.equal((await revoke(stranger, ana.access_token)).status, 200, "told as one that is none");
  assert.equal((await revoke(stranger, ana.refresh_token)).status, 200);
  assert.equal(await whoami(ana.access_token), 200);
  assert.equal((await revoke(manager, ana.access_token)).status, 200);
  assert.equal(await whoami(ana.access_token), 401);
  const next = await app.call("POST", "/auth/refresh", {
    body: { refresh_token: ana.refresh_token },
  });
  assert.equal(next.status, 200, "the session lives on");
  assert.equal((await revoke(manager, next.body.refresh_token)).status, 200);
  assert.equal(await whoami(next.body.access_token), 401, "a refresh token goes with its session");
});

test("a client has a budget of what it takes back, and each is written down with its place", async () => {
  const narrow = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: { revokeClient: { count: 3, seconds: 600 } },
  });
  const machine = await makeMachine(app, admin, [BASIC, MANAGE], ["iam/administrator"], {
    refresh_tokens: true,
  });
  const take = (token: string) =>
    narrow.call("POST", "/oauth/revoke", { headers: basic(machine), form: { token } });
  const answer = async () => (await askToken(narrow, machine)).body;
  const ana = await registerSomebody(app);
  const grant = (await answer()).refresh_token as string;
  const issued = (await answer()).access_token as string;
  for (const token of ["nonsense", grant, grant, issued, ana.refresh_token]) {
    assert.equal((await take(token)).status, 200);
  }
  const left = await answer();
  for (const token of [left.access_token, left.refresh_token]) {
    const refused = await take(token);
    assert.deepEqual([refused.status, refused.body.error], [429, "temporarily_unavailable"]);
    assert.ok(Number(refused.headers["retry-after"]) > 0);
  }
  assert.equal((await ask(machine, left.access_token)).body.active, true, "it lives on");
  assert.equal((await ask(machine, left.refresh_token)).body.active, true);
  const { rows } = await db.database.query<{ action: string; subject: string; network: string }>(
    sql`SELECT action, subject, network FROM auth.audit_log WHERE actor = ${machine.id}
         ORDER BY number`,
  );
  assert.deepEqual(
    rows.map(({ action }) => action),
    ["token.revoke", "token.revoke", "session.end"],
  );
  assert.equal(rows[0]!.subject, machine.id);
  assert.ok(
    rows.every(({ network }) => network === "192.0.2.0/24"),
    JSON.stringify(rows),
  );
});
