import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startChaosProxy, type ChaosProxy, type Weather } from "../support/chaos-proxy.ts";
import { databaseUrl, withDatabase, withServer, type TestDatabase } from "../support/database.ts";
import { ask, register, until, type Answer } from "../support/journey.ts";
import { startServer, type TestServer } from "../support/server.ts";

const LEASE_MS = 2_000;
/** A poll, a statement that was under way, and a slow machine. */
const MARGIN_MS = 3_000;
const EMAIL = "away@brigade.example";
const PASSWORD = "velvet-anchor-81-harbour";

let db: TestDatabase;
let proxy: ChaosProxy;
let server: TestServer;
let token: string;

before(async () => {
  db = await withDatabase();
  proxy = await startChaosProxy(db.url);
  server = await startServer({
    // A password in the address, to see that it is nowhere told.
    databaseUrl: proxy.url.replace("postgres@", "postgres:canary-of-the-database@"),
    env: {
      LEASE_MS: String(LEASE_MS),
      STALE_SECONDS: String(LEASE_MS / 1000),
      RATE_LIMIT_ENABLED: "false",
    },
  });
  const tokens = await register(server.url, EMAIL, PASSWORD);
  [token, refreshToken] = [tokens.access_token, tokens.refresh_token];
  const made = await post("/auth/api-keys", { name: "warm" });
  [key, keyId] = [made.body["key"], made.body["api_key"].id];
  coldKey = (await post("/auth/api-keys", { name: "cold" })).body["key"];
});
after(async () => {
  proxy?.setWeather("fair");
  await server?.stop();
  await proxy?.close();
  await db?.drop();
});

const whoami = (by = token) => ask(`${server.url}/auth/whoami`, { token: by });
/** A warm key, one that no process knows, and what is needed to write with. */
let refreshToken: string;
let key: string;
let coldKey: string;
let keyId: string;

/** Every way to write something for which one needs no second factor. */
const writes: readonly (readonly [string, () => Promise<Answer>])[] = [
  ["login", () => login()],
  [
    "register",
    () => post("/auth/register", { email: "new@brigade.example", password: PASSWORD }, undefined),
  ],
  ["refresh", () => post("/auth/refresh", { refresh_token: refreshToken }, undefined)],
  ["logout", () => post("/auth/logout", {})],
  ["profile", () => ask(`${server.url}/users/me`, { method: "PUT", token, body: { name: "N" } })],
  ["make a key", () => post("/auth/api-keys", { name: "away" })],
  ["rotate a key", () => post(`/auth/api-keys/${keyId}/rotate`, {})],
  ["revoke a key", () => ask(`${server.url}/auth/api-keys/${keyId}`, { method: "DELETE", token })],
  ["begin a second factor", () => post("/auth/mfa/totp", {})],
  ["a key nobody knows", () => ask(`${server.url}/auth/whoami`, { token: coldKey })],
];
const post = (path: string, body: unknown, by: string | undefined = token) =>
  ask(server.url + path, { method: "POST", token: by, body });
const login = () =>
  ask(`${server.url}/auth/login`, { method: "POST", body: { email: EMAIL, password: PASSWORD } });

function assertAway(answer: Answer, what: string): void {
  assert.equal(answer.status, 503, `${what}: ${JSON.stringify(answer.body)}`);
  assert.equal(answer.body["error_code"], "unavailable", what);
  assert.match(answer.headers.get("retry-after") ?? "", /^\d+$/, what);
}

const stories: readonly (readonly [string, Weather])[] = [
  ["is cut off", "cut"],
  ["is half open and answers nothing", "swallow"],
];
for (const [story, weather] of stories) {
  test(`the database ${story}: warm callers within the lease, then 503, and back`, async (t) => {
    await until("everything is well", async () => {
      const ready = await ask(`${server.url}/health/ready`);
      const isWarm = (await whoami()).status === 200 && (await whoami(key)).status === 200;
      return ready.status === 200 && isWarm;
    });
    const beganMs = performance.now();
    proxy.setWeather(weather);
    assert.equal((await whoami()).status, 200, "served from memory within the lease");
    assert.equal((await whoami(key)).status, 200, "and so is a known API key");

    // From the first 503 on there is no 200 any more, and there is never a 401.
    let refused: Answer | undefined;
    while (refused === undefined) {
      const sentMs = performance.now();
      const answer = await whoami();
      if (answer.status === 200) {
        assert.ok(sentMs - beganMs < LEASE_MS + MARGIN_MS, "no 200 after the lease");
      } else refused = answer;
    }
    t.diagnostic(`refused after ${(performance.now() - beganMs).toFixed(0)} ms`);
    assertAway(refused, "a warm token");
    for (let again = 0; again < 3; again++) assertAway(await whoami(), "a warm token, again");
    assertAway(await whoami(key), "a warm API key");
    for (const [name, write] of writes) {
      const sentMs = performance.now();
      assertAway(await write(), name);
      t.diagnostic(`${name}: 503 after ${(performance.now() - sentMs).toFixed(0)} ms`);
    }

    const [loginAnswer, ready, live, admin] = await Promise.all([
      login(),
      ask(`${server.url}/health/ready`),
      ask(`${server.url}/health/live`),
      ask(`${server.adminUrl}/health/ready`),
    ]);
    assertAway(loginAnswer, "a login");
    assert.equal(ready.status, 503);
    assert.equal(live.status, 200);
    assert.equal(admin.status, 503);
    assert.equal((await ask(`${server.adminUrl}/metrics`)).status, 200);
    assert.equal((await ask(`${server.url}/auth/whoami`)).status, 401, "nobody needs no database");

    proxy.setWeather("fair");
    // What was half open is reset by the network at last, or given up by us.
    const healedMs = performance.now();
    await until("warm callers are served again", async () => {
      const { status } = await whoami();
      assert.ok(status === 200 || status === 503, `${status}`);
      return status === 200;
    });
    t.diagnostic(`known callers back after ${(performance.now() - healedMs).toFixed(0)} ms`);
    await until("logins work again", async () => (await login()).status === 200);
    t.diagnostic(`logins back after ${(performance.now() - healedMs).toFixed(0)} ms`);
    assert.equal((await whoami(key)).status, 200, "nothing of it was done meanwhile");
    assert.equal((await post("/auth/api-keys", { name: "back" })).status, 201);
    await until("ready again", async () => {
      return (await ask(`${server.url}/health/ready`)).status === 200;
    });
    t.diagnostic(`all back after ${(performance.now() - healedMs).toFixed(0)} ms`);
    assert.equal(server.process.exitCode, null, "it never crashed");
  });
}

test("a slow database makes answers late and changes none", async (t) => {
  proxy.setLatencyMs(100);
  try {
    const sentMs = performance.now();
    assert.equal((await login()).status, 200);
    t.diagnostic(`a login took ${(performance.now() - sentMs).toFixed(0)} ms`);
    assert.equal((await whoami()).status, 200);
    assert.equal((await post("/auth/api-keys", { name: "slow" })).status, 201);
    assert.equal((await ask(`${server.url}/health/ready`)).status, 200, "the lease holds");
  } finally {
    proxy.setLatencyMs(0);
  }
});

test("a server that takes no writes: who is known goes on, writes answer 503, and back", async () => {
  const name = /\/(t_\w+)/.exec(db.url)![1]!;
  const setReadOnly = (value: "on" | "off") =>
    withServer(databaseUrl(db.url, "postgres"), async (client) => {
      await client.query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`);
      // The next connections are told; those that are open go, as in a fail-over.
      await client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
        [name],
      );
    });
  await setReadOnly("on");
  await until("warm callers are served", async () => (await whoami()).status === 200);
  for (const [what, write] of writes) {
    // Ended connections are found out by whoever uses them first.
    await until(what, async () => {
      const answer = await write();
      assert.ok(answer.status === 503, `${what}: ${answer.status}`);
      return answer.body["error_code"] === "unavailable";
    });
  }
  assert.equal((await whoami(key)).status, 200, "a known key");
  await setReadOnly("off");
  await until("logins work again", async () => (await login()).status === 200);
  assert.equal((await whoami(key)).status, 200, "nothing was revoked meanwhile");
  await until("a new key works", async () => (await whoami(coldKey)).status === 200);
});

test("nothing secret was told while the database was away", () => {
  const output = server.output();
  for (const secret of [
    PASSWORD,
    key,
    coldKey,
    refreshToken,
    token,
    token.split(".")[2]!,
    "canary-of-the-database",
  ]) {
    assert.ok(!output.includes(secret), secret.slice(0, 12));
  }
  const fatal = server.logLines().filter((line) => line["level"] === "fatal");
  assert.deepEqual(fatal, []);
});
