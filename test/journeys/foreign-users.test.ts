import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { startDevIssuer, type DevIssuer } from "../../src/cli/dev-issuer/start.ts";
import { sql } from "../../src/platform/sql.ts";
import { openCallers, PUBLIC_URL } from "../support/callers.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, until } from "../support/journey.ts";
import { startServer, type TestServer } from "../support/server.ts";

/*
 * Two servers on one database trust two pools: the first lets in whom an administrator named, the
 * second whoever has a good token, and groups of the second stand for roles.
 */
const STRICT = "us-east-1_Strict1";
const OPEN = "us-east-1_Open1";

let db: TestDatabase;
let pools: DevIssuer;
let near: TestServer;
let far: TestServer;
let admin: string;
let clerk: string;

before(async () => {
  db = await withDatabase();
  pools = await startDevIssuer({ port: 0, pools: [STRICT, OPEN] });
  const entry = (id: string, more: object) => {
    const pool = pools.pools.find((one) => one.id === id)!;
    const client_ids = pool.clients.map((client) => client.id);
    return { type: "cognito", user_pool_id: id, endpoint: pools.url, client_ids, ...more };
  };
  const roles = { chefs: ["products_catalog:administrator", "recipes_catalog:no_such_role"] };
  const env = {
    PUBLIC_URL,
    RATE_LIMIT_ENABLED: "false",
    ISSUERS: JSON.stringify([entry(STRICT, {}), entry(OPEN, { provision: "create", roles })]),
  };
  const callers = await openCallers(db);
  near = await startServer({ databaseUrl: db.url, env: { ...env, HTTP_THREADS: "2" } });
  far = await startServer({ databaseUrl: db.url, env });
  const administrator = await callers.makeCaller();
  await callers.give(administrator, ["iam:manage_users", "iam:manage_roles", "iam:view_audit_log"]);
  admin = (await callers.openTokens(administrator)).accessToken;
  const other = await callers.makeCaller();
  await callers.give(other, ["iam:manage_users"]);
  clerk = (await callers.openTokens(other)).accessToken;
  for (const server of [near, far]) {
    await until(
      "the keys are loaded",
      async () => (await whoami(server, await strict())).status !== 503,
    );
  }
});
after(async () => {
  for (const server of [near, far]) await server?.stop();
  await pools?.stop();
  await db?.drop();
});

const strict = (sub: string = randomUUID(), claims: object = {}) =>
  pools.token({ pool: STRICT, use: "access", claims: { sub, ...claims } });
const open = (sub: string = randomUUID(), claims: object = {}) =>
  pools.token({ pool: OPEN, use: "access", claims: { sub, ...claims } });
const whoami = (server: TestServer, token: string) => ask(`${server.url}/auth/whoami`, { token });
const post = (path: string, body: object, token = admin) =>
  ask(`${near.url}${path}`, { method: "POST", token, body });

async function code(server: TestServer, token: string): Promise<string> {
  const { status, body } = await whoami(server, token);
  return status === 200 ? "ok" : (body["error_code"] as string);
}

async function usersOf(subject: string) {
  const { body } = await ask(`${near.url}/v1/users?subject=${subject}`, { token: admin });
  return body["data"] as { id: string; issuer: string }[];
}

test("whom nobody named is known to be somebody, and may do nothing", async () => {
  const sub = randomUUID();
  const token = await strict(sub);
  const refused = await whoami(near, token);
  assert.equal(refused.status, 403);
  assert.equal(refused.body["error_code"], "principal_unknown");
  assert.deepEqual(await usersOf(sub), []);
  const issuer = `${pools.url}/${STRICT}`;
  assert.equal((await post("/v1/users", { user_id: sub, issuer })).status, 201);
  // The same token, on the next request, everywhere.
  for (const server of [near, far]) {
    const { status, body } = await whoami(server, token);
    assert.equal(status, 200);
    assert.equal(body["user_id"], sub);
    assert.equal(body["token_info"].issuer, issuer);
    assert.equal(body["user_object"].account_id, null);
    // What its issuer calls a session is none that could be looked up or ended here.
    assert.equal(body["token_info"].session_id, null);
  }
});

test("whoever comes from an open pool first, also many times at once, is one user from then on", async () => {
  const sub = randomUUID();
  const tokens = await Promise.all(Array.from({ length: 12 }, () => open(sub)));
  const answers = await Promise.all(
    tokens.map((token, index) => whoami(index % 2 === 0 ? near : far, token)),
  );
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.deepEqual([...new Set(answers.map(({ body }) => body["user_id"]))], [sub]);
  assert.equal((await usersOf(sub)).length, 1);
  const audit = await db.database.query<{ reason: string }>(sql`
    SELECT reason FROM auth.audit_log WHERE action = 'user.provision' AND subject = ${sub}`);
  assert.deepEqual(
    audit.rows.map(({ reason }) => reason),
    [`${pools.url}/${OPEN}`],
  );
});

test("a subject that is no UUID, or whose id somebody has, gets an id of its own", async () => {
  const odd = await whoami(near, await open("auth0|ada", {}));
  assert.equal(odd.status, 200);
  assert.match(odd.body["user_id"], /^[0-9a-f-]{36}$/);
  const shared = randomUUID();
  assert.equal((await whoami(near, await open(shared))).body["user_id"], shared);
  const issuer = `${pools.url}/${STRICT}`;
  const made = await post("/v1/users", { user_id: shared, issuer });
  assert.equal(made.status, 201);
  assert.notEqual(made.body["data"].id, shared);
  // Identity is issuer and subject, never the subject alone.
  assert.equal((await whoami(near, await strict(shared))).body["user_id"], made.body["data"].id);
});

test("who was discarded stays out, whatever its pool says", async () => {
  const sub = randomUUID();
  const token = await open(sub);
  assert.equal(await code(near, token), "ok");
  const gone = await ask(`${near.url}/v1/users/${sub}`, { method: "DELETE", token: admin });
  assert.equal(gone.status, 204);
  assert.equal(await code(near, token), "principal_unknown");
  assert.equal(await code(near, await open(sub)), "principal_unknown");
  await until("the other process knows", async () => (await code(far, token)) !== "ok");
});

test("groups are information, and stand for roles only where the settings say so", async () => {
  const groups = { "cognito:groups": ["chefs", "administrators"] };
  const chef = await whoami(near, await open(randomUUID(), groups));
  assert.deepEqual(chef.body["user_roles"], {
    products_catalog: ["user", "administrator"],
    recipes_catalog: ["user"],
    client_onboarding: ["user"],
    iam: ["user"],
  });
  const product = {
    source_id: "00000000-0000-7000-8000-000000000001",
    name: "Arroz da casa",
    nutri_facts: { calories: 130 },
    score: { final: 1, ingredients: 1, nutrients: 1 },
  };
  const cook = await open(randomUUID(), groups);
  assert.equal((await post("/v1/products", product, cook)).status, 201);
  const guest = await open(randomUUID(), { "cognito:groups": ["guests"] });
  assert.equal((await post("/v1/products", product, guest)).status, 403);
  const named = randomUUID();
  await post("/v1/users", { user_id: named, issuer: `${pools.url}/${STRICT}` });
  const stranger = await whoami(near, await strict(named, groups));
  assert.deepEqual(stranger.body["user_roles"].products_catalog, ["user"]);
});

test("a role that an administrator gives works on the next request with the same token", async () => {
  const sub = randomUUID();
  const token = await open(sub);
  assert.equal(await code(near, token), "ok");
  const role = { context: "products_catalog", name: "administrator" };
  assert.equal((await post(`/v1/users/${sub}/roles`, { role })).status, 200);
  const { body } = await whoami(near, token);
  assert.deepEqual(body["user_roles"].products_catalog, ["administrator", "user"]);
});

test("sign-out takes back what was got before, and lets a new sign-in through", async () => {
  const sub = randomUUID();
  const past = Math.floor(Date.now() / 1000) - 60;
  const old = await open(sub, { auth_time: past });
  for (const server of [near, far]) assert.equal(await code(server, old), "ok");
  const soon = past + 64;
  const ahead = await open(sub, { auth_time: soon, iat: soon, exp: soon + 600 });
  assert.equal(await code(near, ahead), "ok");
  const signedOut = await post(`/v1/admin/users/${sub}/sign-out?wait=cluster`, { reason: "lost" });
  assert.deepEqual(signedOut.body, { data: { issuer: `${pools.url}/${OPEN}`, subject: sub } });
  for (const server of [near, far]) assert.equal(await code(server, old), "token_invalid");
  assert.equal(await code(near, ahead), "token_invalid");
  // What its refresh token brings later belongs to the same sign-in.
  assert.equal(await code(near, await open(sub, { auth_time: past })), "token_invalid");
  // The pool's clock may be ahead: for as long a new sign-in is not told from an old one. A pool
  // that is ahead as far as is tolerated shows it a second later.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const later = Math.floor(Date.now() / 1000) + 5;
  const fresh = { auth_time: later, iat: later, exp: later + 600 };
  assert.equal(await code(near, await open(sub, fresh)), "ok");
});

test("sign-out is for users of the tenant who may not do more, and for foreign ones", async () => {
  const own = (await whoami(near, admin)).body["user_id"] as string;
  assert.equal((await post(`/v1/admin/users/${own}/sign-out`, { reason: "x" })).status, 409);
  const missing = await post(`/v1/admin/users/${randomUUID()}/sign-out`, { reason: "x" });
  assert.equal(missing.status, 404);
  const sub = randomUUID();
  const token = await open(sub);
  assert.equal(await code(near, token), "ok");
  const role = { context: "iam", name: "administrator" };
  assert.equal((await post(`/v1/users/${sub}/roles`, { role })).status, 200);
  const path = `/v1/admin/users/${sub}/sign-out`;
  assert.equal((await post(path, { reason: "x" }, clerk)).status, 403);
  assert.equal((await post(path, { reason: "x" }, await open())).status, 403);
});

test("a token and a whole family of tokens can be taken back", async () => {
  const sub = randomUUID();
  const family = randomUUID();
  const [first, second] = [randomUUID(), randomUUID()];
  const one = await open(sub, { origin_jti: family, jti: first });
  const two = await open(sub, { origin_jti: family, jti: second });
  const other = await open(sub, { origin_jti: randomUUID() });
  for (const token of [one, two, other]) assert.equal(await code(near, token), "ok");
  assert.equal(
    (await post("/v1/admin/tokens/revoke", { jti: first, reason: "leaked" })).status,
    200,
  );
  assert.equal(await code(near, one), "token_invalid");
  assert.equal(await code(near, two), "ok");
  const wait = "?wait=cluster";
  await post(`/v1/admin/tokens/revoke${wait}`, { jti: family, reason: "the phone was lost" });
  for (const server of [near, far]) assert.equal(await code(server, two), "token_invalid");
  assert.equal(await code(near, await open(sub, { origin_jti: family })), "token_invalid");
  assert.equal(await code(near, other), "ok");
  // Kept for as long as the family may bring new tokens.
  const { body } = await ask(`${near.url}/v1/admin/tokens/${family}`, { token: admin });
  const days = (Date.parse(body["data"].expires_at) - Date.now()) / 86_400_000;
  assert.ok(days > 300, `${days} days`);
});

test("an administrator names users of its own tenant's issuers only", async () => {
  const tenantId = randomUUID();
  const callers = await openCallers(db);
  await db.database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${tenantId}, 'another')`);
  const caller = await callers.makeCaller(tenantId);
  await callers.give(caller, ["iam:manage_users"]);
  const { accessToken } = await callers.openTokens(caller);
  const body = { user_id: randomUUID(), issuer: `${pools.url}/${STRICT}` };
  const refused = await post("/v1/users", body, accessToken);
  assert.equal(refused.status, 422);
  assert.equal(refused.body["errors"][0].path, "/body/issuer");
  // Known, but not there where the issuer's users belong.
  const subject = randomUUID();
  await db.database.query(sql`
    INSERT INTO iam.users (id, issuer, subject, tenant_id)
    VALUES (${subject}, ${body.issuer}, ${subject}, ${tenantId})`);
  assert.equal(await code(near, await strict(subject)), "principal_unknown");
});

test("nobody from elsewhere has an account here, and gets at none", async () => {
  const token = await open();
  for (const [method, path] of [
    ["GET", "/users/me"],
    ["GET", "/auth/sessions"],
    ["POST", "/auth/logout"],
    ["GET", "/auth/mfa"],
    ["GET", "/auth/api-keys"],
  ] as const) {
    const body = method === "POST" ? { body: {} } : {};
    const { status, body: answer } = await ask(`${near.url}${path}`, { method, token, ...body });
    assert.equal(status, 403, path);
    assert.equal(answer["error_code"], "permission_denied", path);
  }
});
