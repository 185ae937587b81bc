import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import {
  GOOD_PASSWORD,
  registerSomebody,
  startApp,
  tokenIn,
  type Answer,
  type TestApp,
} from "../accounts-rig.ts";

const DEFAULT_TENANT = "00000000-0000-7000-8000-000000000001";

let db: TestDatabase;
let app: TestApp;
let root: Awaited<ReturnType<typeof registerSomebody>>;
let north: { id: string; token: string; accountId: string };

before(async () => {
  db = await withDatabase({ connections: 10 });
  app = await startApp({ database: db.database });
  root = await registerSomebody(app);
  const role = { context: "iam", name: "administrator" } as const;
  const userId: string = root.user["id"];
  await app.iam.users.assignRole({ userId, tenantId: DEFAULT_TENANT, ...role });
  north = await openTenant("north");
});
after(() => db.drop());

const codeOf = ({ status, body }: Answer) => `${status} ${body?.error_code ?? ""}`.trim();
const login = (email: string) =>
  app.call("POST", "/auth/login", { body: { email, password: GOOD_PASSWORD } });

/** A tenant with an administrator who accepted the invitation and logged in. */
async function openTenant(name: string) {
  const email = `boss@${name}.example`;
  const body = { name, administrator: { email } };
  const made = await app.call("POST", "/v1/admin/tenants", { token: root.access_token, body });
  assert.equal(made.status, 201, made.text);
  const token = tokenIn((await app.mailsTo(email))[0]);
  await app.call("POST", "/auth/invitation", { body: { token, password: GOOD_PASSWORD } });
  const grant = await login(email);
  assert.equal(grant.status, 200, grant.text);
  const { access_token, user } = grant.body;
  return { id: made.body.data.id as string, token: access_token as string, accountId: user.id };
}

const at = (id: string, rest = "") => `/v1/admin/tenants/${id}${rest}`;

test("a new tenant's first administrator administers it, and it says so in the token", async () => {
  const claims = JSON.parse(Buffer.from(north.token.split(".")[1]!, "base64url").toString());
  assert.equal(claims.tid, north.id);
  const listed = await app.call("GET", "/v1/admin/accounts", { token: north.token });
  assert.deepEqual(
    listed.body.data.map(({ id }: { id: string }) => id),
    [north.accountId],
  );
  const body = { name: "north" };
  const again = await app.call("POST", "/v1/admin/tenants", { token: root.access_token, body });
  assert.equal(codeOf(again), "409 conflict");
});

test("a tenant whose administrator cannot be invited is not made", async () => {
  const taken = await registerSomebody(app);
  const make = (email: string) =>
    app.call("POST", "/v1/admin/tenants", {
      token: root.access_token,
      body: { name: "orphan", administrator: { email } },
    });
  assert.equal(codeOf(await make(taken.email)), "409 account_exists");
  assert.equal((await make("boss@orphan.example")).status, 201, "the name is free");
  assert.equal(codeOf(await make("other@orphan.example")), "409 conflict");
});

test("only the default tenant's administrators see and change tenants that are not theirs", async () => {
  const south = await openTenant("south");
  for (const [method, path, body, code] of [
    ["GET", "/v1/admin/tenants", undefined, "403 permission_denied"],
    ["POST", "/v1/admin/tenants", { name: "west" }, "403 permission_denied"],
    ["GET", at(south.id), undefined, "404 not_found"],
    ["GET", at(DEFAULT_TENANT), undefined, "404 not_found"],
    ["PUT", at(south.id, "/policy"), { policy: {} }, "404 not_found"],
    ["POST", at(south.id, "/deactivate"), undefined, "404 not_found"],
    ["POST", at(north.id, "/deactivate"), undefined, "403 permission_denied"],
  ] as const) {
    const answer = await app.call(method, path, { token: north.token, body });
    assert.equal(codeOf(answer), code, `${method} ${path}`);
  }
  const listed = await app.call("GET", "/v1/admin/tenants", { token: root.access_token });
  assert.equal(listed.body.pagination.total >= 3, true);
  const shown = await app.call("GET", at(south.id), { token: root.access_token });
  assert.equal(shown.body.data.name, "south");
});

test("lists and ids of one tenant tell nothing of another, on every admin route with an id", async () => {
  const theirs = root.user["id"];
  const operations = [
    ["GET", `/v1/admin/accounts/${theirs}`, undefined],
    ["GET", `/v1/admin/accounts/${theirs}/sessions`, undefined],
    ["DELETE", `/v1/admin/accounts/${theirs}/sessions`, undefined],
    ["DELETE", `/v1/admin/sessions/${root.session["id"]}`, undefined],
    ["DELETE", `/v1/admin/accounts/${theirs}/mfa`, undefined],
    ["GET", `/v1/users/${theirs}`, undefined],
    ["DELETE", `/v1/users/${theirs}`, undefined],
    ["POST", `/v1/users/${theirs}/roles`, { role: { context: "iam", name: "auditor" } }],
  ] as const;
  for (const [method, path, body] of operations) {
    const answer = await app.call(method, path, { token: north.token, body });
    const isEmpty = [answer.body?.pagination?.total, answer.body?.data?.sessions_ended].includes(0);
    assert.ok(isEmpty || answer.status === 404, `${method} ${path}: ${answer.status}`);
  }
  for (const path of ["/v1/admin/sessions", "/v1/users", "/v1/admin/accounts"]) {
    const { text, status } = await app.call("GET", path, { token: north.token });
    assert.equal(status, 200);
    assert.ok(!text.includes(theirs), path);
  }
  assert.equal((await app.call("GET", "/auth/whoami", { token: root.access_token })).status, 200);
});

test("a policy is in force on the next request, refuses what is out of bounds, and knows every field", async () => {
  const put = (policy: object, more: object = {}) =>
    app.call("PUT", at(north.id, "/policy"), { token: north.token, body: { policy, ...more } });
  const defaults = (await app.call("GET", at(north.id), { token: north.token })).body.data;
  const whole = await put(defaults.effective_policy);
  assert.equal(whole.status, 200, whole.text);
  assert.deepEqual(whole.body.data.effective_policy, defaults.effective_policy);

  const changed = await put({ sessions: { perAccount: 1, atLimit: "refuse" } });
  assert.equal(changed.body.data.effective_policy.sessions.perAccount, 1);
  assert.equal(codeOf(await login("boss@north.example")), "409 conflict");
  const stale = await put({}, { version: 1 });
  assert.equal(codeOf(stale), "409 version_conflict");
  for (const bad of [
    { sessions: { perAccount: 0 } },
    { sessions: { unknown: 1 } },
    { unknown: {} },
    { sessions: { idleSeconds: 9_000_000, absoluteSeconds: 60 } },
    { network: { blocked: ["not a network"] } },
    { network: { deniedCountries: ["brazil"] } },
    { mfa: { mode: "sometimes" } },
    { risk: { refuseScore: 102 } },
    { lockout: { failuresMax: 0 } },
    { password: { expiryDays: 5, reminderDays: 7 } },
  ]) {
    assert.equal(codeOf(await put(bad)), "422 validation_failed", JSON.stringify(bad));
  }
  assert.equal((await put({})).status, 200);
  assert.equal((await login("boss@north.example")).status, 200);
});

test("a weaker second factor needs a fresh authentication of a person; nothing else does", async () => {
  const west = await openTenant("west");
  const put = (token: string, policy: object) =>
    app.call("PUT", at(west.id, "/policy"), { token, body: { policy } });
  const later = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    clock: { ...systemClock, nowSeconds: () => systemClock.nowSeconds() + 700 },
  });
  const putLater = (policy: object) =>
    later.call("PUT", at(west.id, "/policy"), { token: west.token, body: { policy } });
  assert.equal((await putLater({ mfa: { mode: "required" } })).status, 200, "stronger");
  assert.equal(
    (await putLater({ mfa: { mode: "required" }, risk: { refuseScore: 90 } })).status,
    200,
  );
  for (const weaker of [{ mfa: { mode: "off" } }, { mfa: { mode: "optional" } }, {}]) {
    const answer = await putLater(weaker);
    assert.equal(codeOf(answer), "401 step_up_required", JSON.stringify(weaker));
    assert.match(answer.headers["www-authenticate"]!, /max_age=600/);
  }
  const shown = await app.call("GET", at(west.id), { token: west.token });
  assert.equal(shown.body.data.effective_policy.mfa.mode, "required");
  const made = await app.call("POST", "/auth/api-keys", {
    token: root.access_token,
    body: { name: "k", scopes: ["read", "write"], permissions: { iam: ["manage_users"] } },
  });
  assert.equal(made.status, 201, made.text);
  assert.equal(codeOf(await put(made.body.key, {})), "403 permission_denied");
  assert.equal((await put(west.token, {})).status, 200, "fresh enough");
});

test("of a tenant that is deactivated nobody gets in and no token counts; then they do again", async () => {
  const east = await openTenant("east");
  const whoami = () => app.call("GET", "/auth/whoami", { token: east.token });
  assert.equal((await whoami()).status, 200);
  const act = (id: string, verb: string) =>
    app.call("POST", at(id, `/${verb}`), { token: root.access_token });
  assert.equal((await act(east.id, "deactivate")).status, 204);
  assert.equal(codeOf(await whoami()), "403 principal_unknown");
  assert.equal(codeOf(await login("boss@east.example")), "403 account_disabled");
  const nobody = await app.call("POST", "/auth/login", {
    body: { email: "boss@east.example", password: "not the password" },
  });
  assert.equal(codeOf(nobody), "401 credentials_invalid");
  assert.equal((await app.call("GET", "/auth/whoami", { token: root.access_token })).status, 200);
  assert.equal((await act(east.id, "activate")).status, 204);
  assert.equal((await whoami()).status, 200);
  assert.equal((await login("boss@east.example")).status, 200);
  assert.equal(codeOf(await act(DEFAULT_TENANT, "deactivate")), "409 conflict");
  const { rows } = await db.database.query<{ action: string }>(sql`
    SELECT action FROM auth.audit_log WHERE tenant_id = ${east.id} AND action LIKE 'tenant.%'
     ORDER BY number`);
  assert.deepEqual(
    rows.map(({ action }) => action),
    ["tenant.create", "tenant.disable", "tenant.enable"],
  );
});
