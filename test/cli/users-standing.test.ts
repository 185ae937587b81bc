import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { findAccount } from "../../src/auth/accounts/store.ts";
import { DEFAULT_TENANT_ID, newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase } from "../support/database.ts";
import { SEALING_KEY, startServer, type TestServer } from "../support/server.ts";
import { createBrigade, createInlineBrigade } from "./support.ts";
import { launchWords } from "../support/built.ts";

const PASSWORD = "velvet-anchor-81-harbour";
const env = { PUBLIC_URL: "http://brigade.test", KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}` };
const { url, database, drop } = await withDatabase();
const brigade = createInlineBrigade({ DATABASE_URL: url, ...env });
const spawned = createBrigade({ DATABASE_URL: url, ...env });
let server: TestServer;

before(async () => {
  server = await startServer({ databaseUrl: url, env: { ...env, RATE_LIMIT_ENABLED: "false" } });
});
after(async () => {
  await server?.stop();
  await drop();
});

async function post(path: string, body: object) {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const login = async (email: string) =>
  (await post("/auth/login", { email, password: PASSWORD })).status;

const whoami = async (token: unknown) => {
  const headers = { authorization: `Bearer ${token as string}`, connection: "close" };
  return (await fetch(`${server.url}/auth/whoami`, { headers })).status;
};

/** Somebody whose token the server holds in its cache. */
async function enter(email: string) {
  const made = await post("/auth/register", { email, password: PASSWORD });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const token = made.body["access_token"];
  assert.equal(await whoami(token), 200);
  const { id } = (await findAccount(database, { email }))!;
  return { id, email, token };
}

/** Asks until the server has heard of it; a change that does not reach it never ends. */
async function untilRefused(token: unknown): Promise<void> {
  while ((await whoami(token)) === 200) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(await whoami(token), 401);
}

async function eventOf(id: string, action: string) {
  const { rows } = await database.query<Record<string, unknown>>(sql`
    SELECT actor, reason, tenant_id FROM auth.audit_log
     WHERE subject = ${id} AND action = ${action}`);
  assert.equal(rows.length, 1, action);
  return rows[0]!;
}

test("a ban stops the live tokens of a running server, and can be taken back", async () => {
  const { id, email, token } = await enter("ban@example.org");
  const banned = await spawned(["users", "ban", "Ban@Example.org", "--reason", "spam"]);
  assert.deepEqual([banned.code, banned.stdout], [0, `${id}: banned\n`], banned.stderr);
  await untilRefused(token);
  assert.equal(await login(email), 403);
  const event = { actor: "cli", reason: "spam", tenant_id: DEFAULT_TENANT_ID };
  assert.deepEqual(await eventOf(id, "account.ban"), event);
  const back = await brigade(["users", "unban", id, "--reason", "a mistake"]);
  assert.deepEqual([back.code, back.stdout], [0, `${id}: active\n`]);
  assert.deepEqual(await eventOf(id, "account.enable"), { ...event, reason: "a mistake" });
  assert.equal(await login(email), 200);
});

test("ended sessions are refused by a running server, and the account logs in again", async () => {
  const { id, email, token } = await enter("end@example.org");
  const ended = await brigade(["users", "end-sessions", email, "--reason", "lost phone"]);
  assert.deepEqual([ended.code, ended.stdout], [0, `${id}: 1 session ended\n`]);
  await untilRefused(token);
  const { actor, reason } = await eventOf(id, "session.end");
  assert.deepEqual([actor, reason], ["cli", "1 sessions: lost phone"]);
  const again = await brigade(["users", "end-sessions", email]);
  assert.deepEqual([again.code, again.stdout], [0, `${id}: 0 sessions ended\n`]);
  assert.equal(await login(email), 200);
});

test("an unlocked account logs in again", async () => {
  const { id, email } = await enter("lock@example.org");
  await post("/auth/login", { email, password: "not the password" });
  await database.query(sql`
    UPDATE auth.login_attempts SET locked_until = 'infinity' WHERE account_id = ${id}`);
  assert.notEqual(await login(email), 200);
  const unlocked = await brigade(["users", "unlock", email]);
  assert.deepEqual([unlocked.code, unlocked.stdout], [0, `${id}: not locked\n`]);
  assert.equal(await login(email), 200);
  assert.equal((await eventOf(id, "account.unlock"))["actor"], "cli");
});

test("an account is deleted with --yes or its address typed again, and no other way", async () => {
  const { id, email, token } = await enter("gone@example.org");
  const words = ["users", "delete", email, "--reason", "asked for"];
  const unasked = await brigade(words);
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /without a terminal --yes is needed/);
  const mistyped = await brigade(words, { typed: "gone@example.com" });
  assert.deepEqual([mistyped.code, mistyped.stderr], [1, "brigade: nothing was deleted\n"]);
  assert.equal(await whoami(token), 200);
  const deleted = await brigade(words, { typed: "Gone@example.org" });
  assert.deepEqual([deleted.code, deleted.stdout], [0, `${id}: deleted\n`], deleted.stderr);
  await untilRefused(token);
  assert.equal(await findAccount(database, { email }), undefined);
  const { actor, reason } = await eventOf(id, "account.delete");
  assert.deepEqual([actor, reason], ["cli", "asked for"]);
  const other = await enter("gone-too@example.org");
  assert.equal((await brigade(["users", "delete", other.email, "--yes"])).code, 0);
  assert.equal(await findAccount(database, { email: other.email }), undefined);
});

test("refusals end with one sentence and change nothing", async () => {
  const { email, token } = await enter("stays@example.org");
  const tenant = newId();
  await database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${tenant}, 'clinic')`);
  const cases: [string[], number, RegExp][] = [
    [["ban", email, "--tenant", "clinic"], 1, /no account stays@example.org in the tenant clinic/],
    [["end-sessions", email, "--tenant", tenant], 1, /in the tenant/],
    [["delete", email, "--yes", "--tenant", tenant], 1, /in the tenant/],
    [["ban", email, "--tenant", "nowhere"], 1, /there is no tenant nowhere/],
    [["ban", email, "--reason", "x".repeat(501)], 2, /at most 500 characters/],
    [["ban", "nobody@example.org"], 1, /there is no account nobody@example.org/],
    [["unban"], 2, /EMAIL is missing/],
  ];
  for (const [words, expected, sentence] of cases) {
    const { code, stderr } = await brigade(["users", ...words]);
    assert.equal(code, expected, stderr);
    assert.match(stderr, sentence);
    assert.match(stderr, /^brigade: [^\n]+\n$/);
  }
  assert.equal(await whoami(token), 200);
  assert.equal((await brigade(["users", "ban", email, "--tenant", "default"])).code, 0);
});

test("the last administrator of a tenant is not deleted", async () => {
  const made = await brigade(
    "users create --email boss@example.org --role iam:administrator --json".split(" "),
  );
  const { id } = JSON.parse(made.stdout) as { id: string };
  const { code, stderr } = await brigade(["users", "delete", id, "--yes"]);
  assert.equal(code, 1);
  assert.match(stderr, /administrator/);
  assert.notEqual(await findAccount(database, { email: "boss@example.org" }), undefined);
});

const SCRIPT = "/usr/bin/script";
const onTerminal = existsSync(SCRIPT) ? {} : { skip: `there is no ${SCRIPT}` };

test("on a terminal the address is asked for, and Ctrl-D deletes nothing", onTerminal, async () => {
  const { email } = await enter("asked@example.org");
  const type = async (answer: string) => {
    const words = `${process.execPath} ${launchWords().join(" ")} users delete ${email}`;
    const child = spawn(SCRIPT, ["-qec", words, "/dev/null"], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: { PATH: process.env["PATH"], NODE_ENV: "test", DATABASE_URL: url, ...env },
    });
    let seen = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const isNew = !seen.includes("for good: ");
      seen += text;
      if (isNew && seen.includes("for good: ")) child.stdin.write(answer);
    });
    child.stdin.on("error", () => {});
    const code = await new Promise((resolve) => child.once("close", resolve));
    return { code, seen };
  };
  const left = await type("\u0004");
  assert.equal(left.code, 1, left.seen);
  assert.match(left.seen, /interrupted/);
  assert.notEqual(await findAccount(database, { email }), undefined);
  const done = await type(`${email}\r`);
  assert.equal(done.code, 0, done.seen);
  assert.equal(await findAccount(database, { email }), undefined);
});
