import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { stopEmbedded } from "../../src/platform/embedded-postgres.ts";
import { ask, processesIn, register, until } from "../support/journey.ts";
import { spawnServer, startServer, type TestServer } from "../support/server.ts";

const PASSWORD = "velvet-anchor-81-harbour";
const LOGIN = /^login: (\S+) {2}password: (\S+)$/gm;
// The same issuer on any port: a token outlives the server that made it.
const PUBLIC_URL = "http://brigade.test";
const IS_LINUX = process.platform === "linux";

const running = new Set<TestServer>();
const folders: string[] = [];
after(async () => {
  for (const server of running) await server.kill();
  for (const folder of folders) {
    await stopEmbedded(folder);
    rmSync(folder, { recursive: true, force: true });
  }
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "brigade-first-"));
  // PostgreSQL's own account must be able to pass.
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

const environment = (folder: string) => ({
  NODE_ENV: "development",
  DATA_DIR: folder,
  PUBLIC_URL,
  RATE_LIMIT_ENABLED: "false",
});

async function start(folder: string): Promise<TestServer> {
  const server = await startServer({ env: environment(folder) });
  running.add(server);
  void server.exited.then(() => running.delete(server));
  return server;
}

const loginsIn = (server: TestServer) => [...server.output().matchAll(LOGIN)];
const databaseOf = (folder: string) => processesIn(join(folder, "postgres"));

async function logIn(server: TestServer, email: string, password: string) {
  return ask(`${server.url}/auth/login`, { method: "POST", body: { email, password } });
}

const home = newFolder();
let administrator = { email: "", password: "" };

test("the first start prints one login that works, with roles and foods", async () => {
  const server = await start(home);
  const logins = loginsIn(server);
  assert.equal(logins.length, 1, server.output());
  administrator = { email: logins[0]![1]!, password: logins[0]![2]! };
  assert.equal(administrator.email, "admin@brigade.example");
  for (const line of server.logLines()) {
    assert.ok(!JSON.stringify(line).includes(administrator.password), "never in the log");
  }

  const { status, body } = await logIn(server, administrator.email, administrator.password);
  assert.equal(status, 200);
  const token = body["access_token"] as string;
  const who = await ask(`${server.url}/auth/whoami`, { token });
  const roles = who.body["user_roles"] as Record<string, string[]>;
  for (const [context, role] of Object.entries({
    iam: "administrator",
    products_catalog: "administrator",
    recipes_catalog: "administrator",
    client_onboarding: "form_administrator",
  })) {
    assert.ok(roles[context]?.includes(role), `${role} in ${context}: ${JSON.stringify(roles)}`);
  }

  const foods = await ask(`${server.url}/v1/products/search?limit=200&is_food=true`, { token });
  assert.equal(foods.status, 200);
  assert.ok(foods.body["pagination"].total >= 120, JSON.stringify(foods.body["pagination"]));
  const valued = (foods.body["data"] as { nutri_facts: Record<string, { value: number } | null> }[])
    .map((food) => food.nutri_facts["calories"]?.value)
    .filter((value) => typeof value === "number");
  assert.ok(valued.length >= 120, "foods have nutrition values");

  assert.equal((await server.stop()).code, 0, server.output());
  if (IS_LINUX) assert.deepEqual(databaseOf(home), [], "the last one out stops PostgreSQL");
});

test("the next start prints no login and keeps everything", async () => {
  const server = await start(home);
  assert.equal(loginsIn(server).length, 0);
  const { status, body } = await logIn(server, administrator.email, administrator.password);
  assert.equal(status, 200);
  const foods = await ask(`${server.url}/v1/products/search?limit=1`, {
    token: body["access_token"] as string,
  });
  assert.ok(foods.body["pagination"].total >= 120);
  assert.equal((await server.stop()).code, 0);
});

test("after kill -9 of the server its database goes on and the next start attaches", async (t) => {
  if (!IS_LINUX) return t.skip("reads /proc");
  const first = await start(home);
  const tokens = await register(first.url, "written@brigade.example", PASSWORD);
  const before = databaseOf(home);
  await first.kill();
  const [postmaster] = before.toSorted((a, b) => a - b);
  assert.ok(databaseOf(home).includes(postmaster!), "PostgreSQL runs on");

  const second = await start(home);
  assert.ok(databaseOf(home).includes(postmaster!), "the same one serves the next start");
  assert.equal((await logIn(second, "written@brigade.example", PASSWORD)).status, 200);
  const who = await ask(`${second.url}/auth/whoami`, { token: tokens.access_token });
  assert.equal(who.status, 200, "sessions and keys are kept as well");
  assert.equal((await second.stop()).code, 0);
  assert.deepEqual(databaseOf(home), []);
});

test("after kill -9 of PostgreSQL it comes back by itself and nothing acknowledged is lost", async (t) => {
  if (!IS_LINUX) return t.skip("reads /proc");
  const server = await start(home);
  const { access_token: token } = await register(server.url, "survivor@brigade.example", PASSWORD);
  const acknowledged: string[] = [];
  const writing = new AbortController();
  const refusals = new Set<number>();
  // Cheap writes go on while the database dies: each rename that was answered 200 must be there.
  const writer = (async () => {
    for (let round = 0; !writing.signal.aborted; round++) {
      const name = `survivor ${round}`;
      const reply = await ask(`${server.url}/users/me`, { method: "PUT", token, body: { name } });
      if (reply.status === 200) acknowledged.push(name);
      else refusals.add(reply.status);
    }
  })();
  await until("something was written", () => acknowledged.length > 3);
  for (const pid of databaseOf(home)) killQuietly(pid);
  const before = acknowledged.length;
  await until("writes are taken again", () => acknowledged.length > before + 3);
  writing.abort();
  await writer;
  const me = await ask(`${server.url}/users/me`, { token });
  assert.equal(me.body["name"], acknowledged.at(-1));
  for (const status of refusals) assert.equal(status, 503, "refused with nothing but 503");
  assert.equal((await logIn(server, "survivor@brigade.example", PASSWORD)).status, 200);
  assert.equal((await server.stop()).code, 0, server.output());
  assert.deepEqual(databaseOf(home), []);
});

test("two servers on one fresh folder share the database, the login is printed once", async (t) => {
  const folder = newFolder();
  const [one, other] = await Promise.all([start(folder), start(folder)]);
  assert.equal(loginsIn(one).length + loginsIn(other).length, 1);
  const { access_token: token } = await register(one.url, "both@brigade.example", PASSWORD);
  assert.equal((await ask(`${other.url}/auth/whoami`, { token })).status, 200);
  assert.equal((await one.stop()).code, 0);
  assert.equal((await logIn(other, "both@brigade.example", PASSWORD)).status, 200, "it goes on");
  assert.equal((await other.stop()).code, 0);
  assertNobodyIsLeft(t, folder);
});

test("a start that is ended half-way leaves no PostgreSQL behind", async (t) => {
  const folder = newFolder();
  const server = await spawnServer({ env: environment(folder) });
  running.add(server);
  if (IS_LINUX) await until("PostgreSQL runs", () => databaseOf(folder).length > 0);
  else await until("it began", () => server.output() !== "");
  const { code, signal } = await server.stop();
  running.delete(server);
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, server.output());
  assertNobodyIsLeft(t, folder);
});

function assertNobodyIsLeft(t: TestContext, folder: string): void {
  if (!IS_LINUX) return t.diagnostic("processes are not looked at");
  assert.deepEqual(databaseOf(folder), []);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // A child of one that was killed a moment ago.
  }
}
