import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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
