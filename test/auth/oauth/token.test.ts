import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { decodeJwt } from "jose";
import { sql } from "../../../src/platform/sql.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerAdmin, startApp, type TestApp } from "../accounts-rig.ts";
import { askToken, basic, makeMachine, type Admin } from "./rig.ts";

const MANAGE = "iam:manage_users";
const BASIC = "iam:access_basic_features";

let db: TestDatabase;
let app: TestApp;
let admin: Admin;
before(async () => {
  db = await withDatabase({ connections: 16 });
  app = await startApp({
    database: db.database,
    budgets: { clientIdentifier: { count: 5, seconds: 900 } },
  });
  admin = await registerAdmin(app);
});
after(() => db.drop());

const whoami = (token: string) => app.call("GET", "/auth/whoami", { token });
const codeOf = ({ status, body }: { status: number; body: any }) => [status, body.error];

test("a client gets a token for itself, by header or by form", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  const answer = await askToken(app, machine);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.deepEqual(Object.keys(answer.body).toSorted(), [
    ...["access_token", "expires_in", "scope", "token_type"],
  ]);
  const claims = decodeJwt(answer.body.access_token);
  assert.deepEqual(
    [claims.sub, claims["client_id"], claims["scope"], claims.aud],
    [machine.id, machine.id, BASIC, app.config.jwtAudience],
  );
  const posted = await app.call("POST", "/oauth/token", {
    form: {
      grant_type: "client_credentials",
      client_id: machine.id,
      client_secret: machine.secret,
    },
  });
  assert.equal(posted.status, 200, posted.text);
  const who = await whoami(posted.body.access_token);
  assert.equal(who.body.token_info.kind, "machine");
  assert.equal(who.body.user_id, machine.id);
  assert.equal(who.body.token_info.session_id, null);
});

test("a token may do what both its scope and its client's roles allow, never more", async () => {
  const path = "/v1/admin/sessions";
  const roleOnly = await makeMachine(app, admin, [BASIC], ["iam/administrator"]);
  const scopeOnly = await makeMachine(app, admin, [BASIC, MANAGE]);
  const both = await makeMachine(app, admin, [BASIC, MANAGE], ["iam/administrator"]);
  const statusOf = async (machine: typeof both, form = {}) => {
    const { body } = await askToken(app, machine, form);
    return (await app.call("GET", path, { token: body.access_token })).status;
  };
  assert.equal(await statusOf(roleOnly), 403);
  assert.equal(await statusOf(scopeOnly), 403);
  assert.equal(await statusOf(both), 200);
  assert.equal(await statusOf(both, { scope: BASIC }), 403, "asked for less");
});

test("errors are those of RFC 6749, and none says whether a client exists", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  const nobody = { id: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", secret: machine.secret };
  const unknown = await askToken(app, nobody);
  const wrong = await askToken(app, { ...machine, secret: "wrong" });
  assert.deepEqual(codeOf(unknown), [401, "invalid_client"]);
  assert.equal(wrong.text, unknown.text);
  assert.equal(wrong.headers["www-authenticate"], 'Basic realm="oauth"');
  assert.deepEqual(codeOf(await askToken(app, { id: "x", secret: "y" })), [401, "invalid_client"]);
  assert.deepEqual(codeOf(await askToken(app, machine, { scope: MANAGE })), [400, "invalid_scope"]);
  assert.deepEqual(codeOf(await askToken(app, machine, { scope: "all" })), [400, "invalid_scope"]);
  const target = await askToken(app, machine, { resource: "https://other.example" });
  assert.deepEqual(codeOf(target), [400, "invalid_target"]);
  const grant = await askToken(app, machine, { grant_type: "password" });
  assert.deepEqual(codeOf(grant), [400, "unsupported_grant_type"]);
  const form = "grant_type=client_credentials&grant_type=client_credentials";
  const twice = await app.call("POST", "/oauth/token", { headers: basic(machine), form });
  assert.deepEqual(codeOf(twice), [400, "invalid_request"]);
  const none = await app.call("POST", "/oauth/token", { headers: basic(machine), form: "" });
  assert.equal(none.status, 400);
  const bare = await app.call("POST", "/oauth/token", { form: "grant_type=client_credentials" });
  assert.deepEqual(codeOf(bare), [401, "invalid_client"]);
  const bothWays = await app.call("POST", "/oauth/token", {
    headers: basic(machine),
    form: `grant_type=client_credentials&client_secret=${machine.secret}`,
  });
  assert.deepEqual(codeOf(bothWays), [401, "invalid_client"]);
  const json = await app.call("POST", "/oauth/token", { headers: basic(machine), body: {} });
  assert.equal(json.status, 415);
  const broken = await app.call("POST", "/oauth/token", { headers: basic(machine), form: "a=%ff" });
  assert.equal(broken.status, 400);
});

test("a registered audience is issued for, and such a token is none for us", async () => {
  const audiences = ["https://printer.example"];
  const machine = await makeMachine(app, admin, [BASIC], [], { audiences });
  const answer = await askToken(app, machine, { resource: audiences[0]! });
  assert.equal(decodeJwt(answer.body.access_token).aud, audiences[0]);
  assert.equal((await whoami(answer.body.access_token)).status, 401);
});

test("a secret that is replaced stays good for the overlap, and both are refused at its end", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  const before = (await askToken(app, machine)).body.access_token;
  const rotate = (overlap_seconds: number) =>
    app.call("POST", `/v1/admin/clients/${machine.id}/rotate`, {
      token: admin.access_token,
      body: { overlap_seconds },
    });
  const second = { id: machine.id, secret: (await rotate(3_600)).body.data.client_secret };
  assert.notEqual(second.secret, machine.secret);
  for (const one of [machine, second]) assert.equal((await askToken(app, one)).status, 200);
  assert.equal((await whoami(before)).status, 200, "an overlap ends no token");
  await db.database.query(sql`UPDATE auth.oauth_clients SET previous_until = now()
    WHERE id = ${machine.id}`);
  app.invalidateNow({ kind: "clients" });
  assert.equal((await askToken(app, machine)).status, 401);
  const third = { id: machine.id, secret: (await rotate(0)).body.data.client_secret };
  assert.equal((await askToken(app, second)).status, 401, "no overlap: it is over at once");
  assert.equal((await whoami(before)).status, 401, "and so is every token");
  assert.equal((await askToken(app, third)).status, 200);
});

test("the overlap ends by the clock, also where the client is remembered", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  await app.call("POST", `/v1/admin/clients/${machine.id}/rotate`, {
    token: admin.access_token,
    body: { overlap_seconds: 2 },
  });
  let answer = await askToken(app, machine);
  for (let turn = 0; turn < 200 && answer.status === 200; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    answer = await askToken(app, machine);
  }
  assert.deepEqual(codeOf(answer), [401, "invalid_client"]);
});

test("a disabled or removed client's tokens stop at the next request and never come back", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  const token = admin.access_token;
  const issued = (await askToken(app, machine)).body.access_token;
  assert.equal((await whoami(issued)).status, 200);
  const path = `/v1/admin/clients/${machine.id}`;
  assert.equal((await app.call("POST", `${path}/disable`, { token })).body.data.active, false);
  assert.equal((await whoami(issued)).status, 401);
  assert.deepEqual(codeOf(await askToken(app, machine)), [401, "invalid_client"]);
  await app.call("POST", `${path}/enable`, { token });
  assert.equal((await whoami(issued)).status, 401);
  const again = (await askToken(app, machine)).body.access_token;
  assert.equal((await whoami(again)).status, 200);
  assert.equal((await app.call("DELETE", path, { token })).status, 204);
  assert.equal((await whoami(again)).status, 401);
  assert.equal((await askToken(app, machine)).status, 401);
});

test("of many wrong secrets at once only the budget is compared, and its owner elsewhere is served", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  const attacker = "198.51.100.66";
  const guesses = await crowd([db.database], 40, 15, (at) =>
    askToken(app, { ...machine, secret: `guess ${at}` }, {}, attacker),
  );
  const evaluated = guesses.filter(({ status }) => status === 401);
  assert.equal(evaluated.length, 5);
  assert.ok(guesses.every(({ status }) => status === 401 || status === 429));
  const right = await askToken(app, machine, {}, attacker);
  assert.deepEqual(codeOf(right), [429, "temporarily_unavailable"]);
  assert.ok(Number(right.headers["retry-after"]) > 0);
  assert.equal((await askToken(app, machine)).status, 200, "from another network");
  const { rows } = await db.database.query(sql`SELECT FROM auth.audit_log
    WHERE subject = ${machine.id} AND action = 'client.failure'`);
  assert.equal(rows.length, 5);
});

test("a client that was right pays nothing until it is wrong", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  for (let i = 0; i < 12; i++) assert.equal((await askToken(app, machine)).status, 200);
  const parallel = await crowd([db.database], 12, 12, () => askToken(app, machine));
  assert.ok(parallel.every(({ status }) => status === 200));
  for (let i = 0; i < 5; i++) await askToken(app, { ...machine, secret: "wrong" });
  assert.equal((await askToken(app, machine)).status, 429);
});

test("neither table nor list shows a secret", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  const list = await app.call("GET", "/v1/admin/clients?limit=100", { token: admin.access_token });
  const own = list.body.data.find((one: any) => one.client_id === machine.id);
  assert.deepEqual(own.scopes, [BASIC]);
  assert.doesNotMatch(list.text, new RegExp(machine.secret));
  const { rows } = await db.database.query<{ all: string }>(
    sql`SELECT c::text AS all FROM auth.oauth_clients c`,
  );
  assert.doesNotMatch(JSON.stringify(rows), new RegExp(machine.secret));
});

test("another tenant's administrator sees and changes no client of ours", async () => {
  const other = "00000000-0000-7000-8000-00000000000c";
  await db.database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${other}, 'third')`);
  const stranger = await registerAdmin(app, other);
  const machine = await makeMachine(app, admin, [BASIC]);
  const token = stranger.access_token;
  const list = await app.call("GET", "/v1/admin/clients", { token });
  assert.deepEqual([list.body.data, list.body.pagination.total], [[], 0]);
  const path = `/v1/admin/clients/${machine.id}`;
  for (const [method, target] of [
    ["POST", `${path}/rotate`],
    ["POST", `${path}/disable`],
    ["POST", `${path}/enable`],
    ["DELETE", path],
  ] as const) {
    assert.equal((await app.call(method, target, { token })).status, 404, target);
  }
  assert.equal((await askToken(app, machine)).status, 200);
});
