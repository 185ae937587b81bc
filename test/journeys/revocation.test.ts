import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { DEFAULT_TENANT } from "../support/callers.ts";
import { startChaosProxy, type ChaosProxy } from "../support/chaos-proxy.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { startServer, type TestServer } from "../support/server.ts";

const LEASE_MS = 2_000;
const PASSWORD = "velvet-anchor-81-harbour";

let db: TestDatabase;
let proxy: ChaosProxy;
let near: TestServer;
/** Its bus, and nothing else of it, can be cut off. */
let far: TestServer;

before(async () => {
  db = await withDatabase();
  proxy = await startChaosProxy(db.url, "brigade-bus");
  const env = {
    PUBLIC_URL: "http://brigade.test",
    LEASE_MS: String(LEASE_MS),
    STALE_SECONDS: String(LEASE_MS / 1000),
    RATE_LIMIT_ENABLED: "false",
  };
  near = await startServer({ databaseUrl: db.url, env });
  far = await startServer({ databaseUrl: proxy.url, env });
});
after(async () => {
  proxy?.setWeather("fair");
  for (const server of [near, far]) await server?.stop();
  await proxy?.close();
  await db?.drop();
});

interface Login {
  readonly access_token: string;
}

/** An answer without a body has an empty one. */
async function call(
  server: TestServer,
  method: string,
  path: string,
  token?: string,
  body?: unknown,
) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      // One answer a connection: stopping need not wait for idle ones.
      connection: "close",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text || "{}") as Record<string, unknown> };
}

const whoami = (server: TestServer, token: string) => call(server, "GET", "/auth/whoami", token);

let accounts = 0;
async function register(server: TestServer): Promise<string> {
  const email = `caller-${accounts++}@test.example`;
  const reply = await call(server, "POST", "/auth/register", undefined, {
    email,
    password: PASSWORD,
  });
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  return (reply.body as unknown as Login).access_token;
}

async function warm(token: string): Promise<void> {
  for (const server of [near, far]) assert.equal((await whoami(server, token)).status, 200);
}

/** How often the other process's bus was found again. */
const timesBack = () => far.logLines().filter((line) => line["event"] === "bus_back").length;

/** Asks until the answer is no longer 200, and tells it. */
async function firstRefusal(server: TestServer, token: string) {
  for (;;) {
    const reply = await whoami(server, token);
    if (reply.status !== 200) return reply;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("a logout in one process is refused in the other", async (t) => {
  const token = await register(near);
  await warm(token);
  assert.equal((await call(near, "POST", "/auth/logout", token, {})).status, 200);
  const beganMs = performance.now();
  assert.equal((await whoami(near, token)).status, 401, "here at once");
  const refusal = await firstRefusal(far, token);
  t.diagnostic(`refused in the other process after ${(performance.now() - beganMs).toFixed(1)} ms`);
  assert.equal(refusal.status, 401);
  assert.equal(refusal.body["error_code"], "token_invalid");
});

test("a logout that waits for the cluster is refused everywhere when it is answered", async (t) => {
  const token = await register(far);
  await warm(token);
  const beganMs = performance.now();
  assert.equal((await call(far, "POST", "/auth/logout?wait=cluster", token, {})).status, 200);
  t.diagnostic(`answered after ${(performance.now() - beganMs).toFixed(0)} ms`);
  for (const server of [far, near]) assert.equal((await whoami(server, token)).status, 401);
});

test("an API key revoked in one process is refused in the other, also with a half-open bus", async (t) => {
  const owner = await register(near);
  const before = timesBack();
  for (const weather of ["fair", "swallow"] as const) {
    const made = await call(near, "POST", "/auth/api-keys", owner, { name: weather });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { key, api_key: view } = made.body as { key: string; api_key: { id: string } };
    await warm(key);
    proxy.setWeather(weather);
    assert.equal((await call(near, "DELETE", `/auth/api-keys/${view.id}`, owner)).status, 204);
    const beganMs = performance.now();
    assert.equal((await whoami(near, key)).status, 401, "here at once");
    const refusal = await firstRefusal(far, key);
    t.diagnostic(`${weather}: refused after ${(performance.now() - beganMs).toFixed(1)} ms`);
    assert.equal(refusal.body["error_code"], "token_invalid");
    proxy.setWeather("fair");
  }
  while (timesBack() === before) await new Promise((resolve) => setTimeout(resolve, 20));
});

/** Somebody of a tenant, with a token that says so. */
async function enter(tenantId: string = DEFAULT_TENANT, role?: string) {
  const token = await register(near);
  const whom = (await whoami(near, token)).body["user_object"] as { id: string; email: string };
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`UPDATE auth.accounts SET tenant_id = ${tenantId} WHERE id = ${whom.id}`);
    await tx.query(sql`UPDATE iam.users SET tenant_id = ${tenantId} WHERE id = ${whom.id}`);
    if (role === undefined) return;
    await tx.query(sql`INSERT INTO iam.user_role_association (user_id, role_context, role_name)
      VALUES (${whom.id}, 'iam', ${role})`);
  });
  return { ...whom, token: await login(near, whom.email) };
}

const loginAt = (server: TestServer, email: string) =>
  call(server, "POST", "/auth/login", undefined, { email, password: PASSWORD });

async function login(server: TestServer, email: string): Promise<string> {
  const reply = await loginAt(server, email);
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  return (reply.body as unknown as Login).access_token;
}

/** Each change, heard over the bus and, where that swallows everything, by the lease running out. */
async function inEachWeather(prove: (weather: string) => Promise<void>) {
  const before = timesBack();
  for (const weather of ["fair", "swallow"] as const) {
    await prove(weather);
    proxy.setWeather("fair");
  }
  while (timesBack() === before) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("a ban in one process is refused in the other, also with a half-open bus", async (t) => {
  const admin = await enter(DEFAULT_TENANT, "administrator");
  await inEachWeather(async (weather) => {
    const [banned, other] = [await enter(), await enter()];
    for (const { token } of [banned, other]) await warm(token);
    proxy.setWeather(weather as "fair");
    const path = `/v1/admin/accounts/${banned.id}`;
    const reply = await call(near, "POST", `${path}/ban`, admin.token, { reason: "spam" });
    assert.equal(reply.status, 204, JSON.stringify(reply.body));
    const beganMs = performance.now();
    assert.equal((await whoami(near, banned.token)).status, 401, "here at once");
    const refusal = await firstRefusal(far, banned.token);
    t.diagnostic(`${weather}: refused after ${(performance.now() - beganMs).toFixed(1)} ms`);
    assert.equal(refusal.status, 401);
    assert.equal((await whoami(far, other.token)).status, 200, "nobody else");
    assert.equal((await loginAt(far, banned.email)).body["error_code"], "account_disabled");
    assert.equal((await call(near, "POST", `${path}/reactivate`, admin.token)).status, 204);
    assert.equal((await whoami(far, banned.token)).status, 401, "what ended stays ended");
    assert.equal((await whoami(far, await login(far, banned.email))).status, 200);
  });
});

test("a tenant taken out of use in one process is refused in the other, also with a half-open bus", async (t) => {
  const admin = await enter(DEFAULT_TENANT, "administrator");
  await inEachWeather(async (weather) => {
    const made = await call(near, "POST", "/v1/admin/tenants", admin.token, {
      name: `clinic-${weather}`,
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { id } = made.body["data"] as { id: string };
    const [inside, outside] = [await enter(id), await enter()];
    for (const { token } of [inside, outside]) await warm(token);
    proxy.setWeather(weather as "fair");
    const path = `/v1/admin/tenants/${id}`;
    const reply = await call(near, "POST", `${path}/deactivate`, admin.token);
    assert.equal(reply.status, 204, JSON.stringify(reply.body));
    const beganMs = performance.now();
    assert.notEqual((await whoami(near, inside.token)).status, 200, "here at once");
    await firstRefusal(far, inside.token);
    t.diagnostic(`${weather}: refused after ${(performance.now() - beganMs).toFixed(1)} ms`);
    assert.equal((await whoami(far, outside.token)).status, 200, "no other tenant");
    assert.notEqual((await loginAt(far, inside.email)).status, 200);
  });
});

test("with a half-open bus nothing stale is answered once the lease is out, and it heals", async (t) => {
  const before = timesBack();
  const [leaver, stayer] = [await register(near), await register(near)];
  for (const token of [leaver, stayer]) await warm(token);
  proxy.setWeather("swallow");
  assert.equal((await call(near, "POST", "/auth/logout", leaver, {})).status, 200);
  const beganMs = performance.now();
  const refusal = await firstRefusal(far, leaver);
  t.diagnostic(
    `refused after ${(performance.now() - beganMs).toFixed(0)} ms (lease ${LEASE_MS} ms)`,
  );
  assert.equal(refusal.status, 401, "the database was asked");
  assert.equal((await whoami(far, stayer)).status, 200, "others go on, asked at the database");

  proxy.setWeather("fair");
  while (timesBack() === before) {
    assert.equal((await whoami(far, leaver)).status, 401);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal((await whoami(far, leaver)).status, 401);
  assert.equal((await whoami(far, stayer)).status, 200);
});
