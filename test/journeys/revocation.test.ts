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
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
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

test("with a half-open bus nothing stale is answered once the lease is out, and it heals", async (t) => {
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
  const back = () => far.logLines().some((line) => line["event"] === "bus_back");
  while (!back()) {
    assert.equal((await whoami(far, leaver)).status, 401);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal((await whoami(far, leaver)).status, 401);
  assert.equal((await whoami(far, stayer)).status, 200);
});
