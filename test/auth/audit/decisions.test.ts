import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createDecisions } from "../../../src/auth/audit/decisions.ts";
import { removeOldDecisions } from "../../../src/auth/audit/store-decisions.ts";
import type { Exchange } from "../../../src/http/exchange.ts";
import { httpErrors } from "../../../src/http/errors.ts";
import { platformErrors } from "../../../src/platform/errors.ts";
import { decisionLimits } from "../../../src/platform/limits.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { createManualClock } from "../../support/clock.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import type { TestApp } from "../accounts-rig.ts";
import { until } from "../process-rig.ts";
import { openTenants } from "./auditors.ts";

let db: TestDatabase;
let app: TestApp;
let other: TestApp;
let tenants: Awaited<ReturnType<typeof openTenants>>;
before(async () => {
  db = await withDatabase();
  tenants = await openTenants(db);
  app = await tenants.start();
  other = await tenants.start();
});
after(() => db.drop());

/** Why, as the auditor of another process is told. */
async function resolve(reference: string, token = tenants.auditor.token) {
  await app.decisions.flush();
  const answer = await other.call("GET", `/v1/audit/decisions/${reference}`, { token });
  return answer.status === 200 ? answer.body.data : answer.status;
}

test("the reference of a refusal resolves to its full reason, in every process", async () => {
  const { token: good, id, sessionId, tenantId } = await tenants.member();
  const ended = await tenants.member();
  await db.database.query(sql`
    UPDATE auth.sessions SET ended_at = now(), end_reason = 'x' WHERE id = ${ended.sessionId}`);
  const [head, payload] = good.split(".");
  const forged = `${head}.${payload}.${"A".repeat(342)}`;
  const cases = [
    [undefined, "GET", "/users/me", 401, "no bearer token", undefined],
    [forged, "GET", "/users/me", 401, "signature", undefined],
    ["brg_nonsense", "GET", "/users/me", 401, undefined, undefined],
    [ended.token, "GET", "/users/me", 401, "session_ended", ended],
    [
      good,
      "GET",
      "/v1/users",
      403,
      "permission manage_users of context iam is missing",
      { id, sessionId },
    ],
  ] as const;
  for (const [token, method, path, status, reason, who] of cases) {
    const answer = await app.call(method, path, {
      token,
      headers: { "user-agent": "curl/8.5.0" },
      address: "198.51.100.77",
    });
    assert.equal(answer.status, status);
    const { decisions } = await resolve(answer.body.request_id);
    assert.equal(decisions.length, 1);
    const { at: _, ...decision } = decisions[0];
    assert.deepEqual(decision, {
      status,
      error_code: answer.body.error_code,
      reason: reason ?? decision.reason,
      method,
      route: path,
      issuer: who === undefined ? null : app.config.publicUrl,
      subject: who?.id ?? null,
      session_id: who?.sessionId ?? null,
      network: "198.51.100.0/24",
      agent: "curl",
    });
  }
  assert.ok(tenantId);
});

test("a request that was limited names whose budget was empty", async () => {
  const { token } = await tenants.member();
  const limited = await tenants.start({}, { allowed: false });
  for (const [sent, kind] of [
    [undefined, "address"],
    [token, "newcomer"],
  ] as const) {
    const { status, body } = await limited.call("GET", "/users/me", { token: sent });
    assert.equal(status, 429);
    await limited.decisions.flush();
    const { decisions } = await resolve(body.request_id);
    assert.equal(decisions[0].reason, `rate limit per ${kind}`);
  }
});

test("whatever the reason was, the public body is the same but for reference and time", async () => {
  const { token } = await tenants.member();
  const ended = await tenants.member();
  await db.database.query(sql`
    UPDATE auth.sessions SET ended_at = now(), end_reason = 'x' WHERE id = ${ended.sessionId}`);
  const [head, payload] = token.split(".");
  const texts = new Set<string>();
  for (const refused of [`${head}.${payload}.${"A".repeat(342)}`, ended.token, "a.b.c", "x"]) {
    const { body } = await app.call("GET", "/users/me", { token: refused });
    texts.add(JSON.stringify({ ...body, request_id: "", timestamp: "" }));
  }
  assert.equal(texts.size, 1);
  assert.doesNotMatch([...texts].join(), /session|signature/);
});

test("a wrong password resolves to its reason and to the event in the log", async () => {
  const { email } = await tenants.member();
  const body = { email, password: "not the right one" };
  const answer = await app.call("POST", "/auth/login", { body });
  assert.equal(answer.status, 401);
  const { decisions, events } = await resolve(answer.body.request_id);
  assert.equal(decisions[0].error_code, "credentials_invalid");
  assert.equal(events[0].action, "login.failure");
  assert.doesNotMatch(JSON.stringify({ decisions, events }), /not the right one/);
});

test("auditors resolve refusals of their own tenant; of strangers only the default tenant's", async () => {
  const { otherAuditor, otherTenant, auditor } = tenants;
  const stranger = (await app.call("GET", "/users/me")).body.request_id;
  assert.equal((await resolve(stranger)).decisions.length, 1);
  assert.equal(await resolve(stranger, otherAuditor.token), 404);
  const theirs = await tenants.member(otherTenant);
  const answer = await app.call("GET", "/v1/users", { token: theirs.token });
  assert.equal(answer.status, 403);
  assert.equal((await resolve(answer.body.request_id, otherAuditor.token)).decisions.length, 1);
  assert.equal(await resolve(answer.body.request_id, auditor.token), 404);
  const nobody = await tenants.member();
  assert.equal(await resolve(stranger, nobody.token), 403);
  assert.equal(await resolve("never-answered"), 404);
});

test("one reference that a caller chose for several requests names them all, newest first", async () => {
  const headers = { "x-request-id": "chosen-by-caller" };
  await app.call("GET", "/users/me", { headers });
  await app.call("GET", "/users/me", { headers, token: "x" });
  const { decisions } = await resolve("chosen-by-caller");
  assert.deepEqual(
    decisions.map(({ error_code }: { error_code: string }) => error_code),
    ["token_invalid", "authentication_required"],
  );
});

const STRANGER = httpErrors.rejection("authentication_required");
const exchangeOf = (id: string, caller?: object) =>
  ({ id, method: "GET", address: "192.0.2.1", userAgent: "", caller }) as unknown as Exchange;

function collector(database: Pick<Database, "query"> = db.database, flushEveryMs = Infinity) {
  const clock = createManualClock(Date.now());
  const metrics = createMetrics();
  const decisions = createDecisions({ database, clock, metrics, log: silentLog, flushEveryMs });
  const count = (outcome: string) =>
    metrics.counter("brigade_audit_decisions_total", "", { outcome }).value();
  return { clock, decisions, count };
}

test("a flood of strangers is sampled and counted, and leaves room for known callers", async () => {
  const { clock, decisions, count } = collector();
  const { strangerBurst, strangerPerSecond } = decisionLimits;
  for (let flood = 0; flood < 50_000; flood++) decisions.refused(exchangeOf("flood"), STRANGER);
  const known = { tenantId: tenants.auditor.tenantId, issuer: "i", subject: "s\0" };
  decisions.refused(exchangeOf("known-in-flood", known), STRANGER);
  await decisions.flush();
  assert.equal(count("kept"), strangerBurst + 1);
  assert.equal(count("left_out"), 50_000 - strangerBurst);
  assert.equal((await resolve("known-in-flood")).decisions.length, 1);
  // And then so many a second, in ticks that are a little longer.
  clock.advanceMs(3_010);
  for (let flood = 0; flood < 1_000; flood++) decisions.refused(exchangeOf("flood"), STRANGER);
  await decisions.flush();
  assert.equal(count("kept"), strangerBurst + 1 + 3 * strangerPerSecond);
});

test("while the database is away reasons wait, as many as there is room for", async () => {
  let isAway = true;
  const { clock, decisions, count } = collector({
    query: (statement) =>
      isAway ? Promise.reject(platformErrors.failure("unavailable")) : db.database.query(statement),
  });
  for (let second = 0; second < 60; second++) {
    clock.advanceMs(30_000);
    for (let each = 0; each < 50; each++) decisions.refused(exchangeOf("away"), STRANGER);
    if (second % 20 === 0) await decisions.flush();
  }
  assert.equal(count("kept") + count("lost"), 0);
  assert.equal(count("left_out"), 60 * 50 - decisionLimits.waitingMax);
  isAway = false;
  await decisions.flush();
  assert.equal(count("kept"), decisionLimits.waitingMax);
});

test("what came while a batch was on its way goes before that batch, when there is room for one", async () => {
  let fail: (error: unknown) => void = () => {};
  const held = new Promise<never>((_, reject) => (fail = reject));
  const { clock, decisions, count } = collector({ query: () => held });
  const refuse = (times: number) => {
    clock.advanceMs(60_000);
    for (let each = 0; each < times; each++) decisions.refused(exchangeOf("held"), STRANGER);
  };
  for (let turn = 0; turn < 5; turn++) refuse(100);
  const flushing = decisions.flush();
  await new Promise(setImmediate);
  for (let turn = 0; turn < 18; turn++) refuse(100);
  fail(platformErrors.failure("unavailable"));
  await flushing;
  assert.equal(count("lost"), 5 * 100 + 18 * 100 - decisionLimits.waitingMax);
});

test("more than a batch is written without being asked for again", async () => {
  const { clock, decisions, count } = collector(db.database, 1);
  const many = decisionLimits.batchMax + 100;
  for (let each = 0; each < many; each++) {
    clock.advanceMs(1_000);
    decisions.refused(exchangeOf("many"), STRANGER);
  }
  await until(async () => count("kept") === many, "all of them");
});

test("a reason is kept as far as there is room for one", async () => {
  const { decisions } = collector();
  const note = "because ".repeat(100);
  decisions.refused(exchangeOf("long-reason"), platformErrors.failure("unavailable", { note }));
  await decisions.flush();
  const [{ reason }] = (await resolve("long-reason")).decisions;
  assert.equal(reason, note.slice(0, decisionLimits.reasonCharactersMax));
});

test("what PostgreSQL refuses is given up, not tried for ever", async () => {
  const { decisions, count } = collector({
    query: () => Promise.reject(new Error("invalid byte sequence")),
  });
  decisions.refused(exchangeOf("bad"), STRANGER);
  await decisions.flush();
  assert.deepEqual([count("lost"), count("kept")], [1, 0]);
});

test("old decisions are removed, and those beyond the number that is kept", async () => {
  await db.database.query(sql`DELETE FROM auth.decisions`);
  const insert = (id: string, age: string, number: number) =>
    db.database.query(sql`
      INSERT INTO auth.decisions (number, at, request_id, status, code, reason, method)
      VALUES (${number}, now() - ${age}::interval, ${id}, 401, 'x', 'x', 'GET')`);
  await insert("surplus", "1 hour", 10);
  await insert("old", "4 days", 1_500_000);
  await insert("young", "1 hour", 1_500_001);
  assert.equal(await removeOldDecisions(db.database), 2);
  const rows = await db.database.read<{ request_id: string }>(sql`
    SELECT request_id FROM auth.decisions`);
  assert.deepEqual(rows, [{ request_id: "young" }]);
});
