import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { openCallers, PUBLIC_URL } from "../support/callers.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { until } from "../auth/process-rig.ts";

const PAGE = fileURLToPath(new URL("../../docs/metrics.md", import.meta.url));
const documented = new Set(
  [...readFileSync(PAGE, "utf8").matchAll(/^\|.*?\| `(brigade_[a-z_]+)` \|/gm)].map(
    ([, name]) => name!,
  ),
);
/** Not there without Redis. */
const ofRedis = (name: string) => name.startsWith("brigade_redis_");

let db: TestDatabase;
let server: TestServer;
let text = "";
let token = "";
let reference = "";

/** A busy machine may say "try again": that is no answer here. */
async function ask(method: string, path: string, body?: object, bearer?: string) {
  let answer = await askOnce(method, path, body, bearer);
  while (answer.status === 503) {
    await pause(200);
    answer = await askOnce(method, path, body, bearer);
  }
  return answer;
}

const askOnce = async (method: string, path: string, body?: object, bearer?: string) => {
  const answer = await request(`${server.url}${path}`, {
    method: method as "GET",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const sent = await answer.body.text();
  return { status: answer.statusCode, body: sent === "" ? undefined : JSON.parse(sent) };
};
const scrape = async () => await (await request(`${server.adminUrl}/metrics`)).body.text();

/** The sum of a family over its labels; of a histogram how often it was told something. */
function valueOf(name: string, label = ""): number {
  const lines = text
    .split("\n")
    .filter(
      (line) => new RegExp(`^${name}(?:_count)?(?:\\{| )`).test(line) && line.includes(label),
    );
  assert.ok(lines.length > 0, `${name} ${label} is not printed`);
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

before(async () => {
  db = await withDatabase();
  const callers = await openCallers(db);
  const auditor = await callers.makeCaller();
  await callers.give(auditor, ["iam:view_audit_log"]);
  token = (await callers.openTokens(auditor)).accessToken;
  // Nobody answers there: what is asked of it is counted all the same.
  const issuer = { type: "oidc", issuer: "http://127.0.0.1:1", audiences: ["brigade"] };
  const env = { PUBLIC_URL, ISSUERS: JSON.stringify([issuer]) };
  server = await startServer({ databaseUrl: db.url, env });
  const person = { email: "metrics@example.com", password: "four plates of rice" };
  assert.equal((await ask("POST", "/auth/register", person)).status, 201);
  assert.equal((await ask("POST", "/auth/login", person)).status, 200);
  const login = await ask("POST", "/auth/login", person);
  await ask("POST", "/auth/login", { ...person, password: "something else" });
  await ask("POST", "/auth/refresh", { refresh_token: login.body.refresh_token });
  await ask("POST", "/auth/logout", { all_devices: true }, login.body.access_token);
  reference = (await ask("GET", "/users/me", undefined, login.body.access_token)).body.request_id;
  // Written behind and sampled: not at once.
  await until(async () => {
    text = await scrape();
    return valueOf("brigade_audit_decisions_total", 'outcome="kept"') >= 2;
  }, "decisions were kept");
});
after(async () => {
  await server.stop();
  await db.drop();
});

test("a refusal of a running server resolves by its reference", async () => {
  const { status, body } = await ask("GET", `/v1/audit/decisions/${reference}`, undefined, token);
  assert.equal(status, 200);
  assert.equal(body.data.decisions[0].reason, "session_ended");
});

test("every metric of the table is printed by a running server", () => {
  assert.ok(documented.size >= 20);
  const missing = [...documented].filter(
    (name) => !ofRedis(name) && !text.includes(`\n# TYPE ${name} `),
  );
  assert.deepEqual(missing, []);
});

test("every metric of authentication that a running server prints is in the table", () => {
  const printed = [...text.matchAll(/^# TYPE (brigade_[a-z_]+) /gm)].map(([, name]) => name!);
  const ours = printed.filter((name) =>
    /^brigade_(?:auth_(?!cache_)|sessions?_|audit_|database_)/.test(name),
  );
  assert.deepEqual(
    ours.filter((name) => !documented.has(name)),
    [],
  );
});

test("the counters tell what happened", () => {
  assert.equal(valueOf("brigade_auth_logins_total", 'outcome="success"'), 2);
  assert.equal(valueOf("brigade_auth_logins_total", 'outcome="failure"'), 1);
  assert.equal(valueOf("brigade_auth_refreshes_total", 'outcome="success"'), 1);
  assert.equal(valueOf("brigade_sessions_opened_total"), 3);
  assert.ok(valueOf("brigade_sessions_ended_total") >= 3);
  assert.ok(valueOf("brigade_auth_validation_seconds") >= 2);
  assert.ok(valueOf("brigade_database_query_seconds", 'kind="transaction"') >= 4);
  assert.equal(valueOf("brigade_tokens_revoked"), 0);
});
