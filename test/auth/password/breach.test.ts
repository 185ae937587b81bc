import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { DEFAULT_TENANT_ID } from "../../../src/platform/ids.ts";
import { createCheckBreach } from "../../../src/auth/password/breach.ts";
import { createPasswordJudge } from "../../../src/auth/password/judge.ts";
import { createInlinePasswords } from "../../../src/auth/password/run-tasks.ts";
import { createFreshPolicyOf } from "../../../src/auth/tenants/policies.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { renderPrometheus } from "../../../src/platform/metrics-text.ts";
import { requestScope } from "../../../src/platform/log.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { capturedLog } from "../../support/log.ts";
import { startFakeHibp, type HibpMood } from "./fake-hibp.ts";

const LEAKED = "four plates of rice";
const GOOD = "nine bowls of beans";
const captured = capturedLog();

async function startCheck(mood: HibpMood = "well") {
  const hibp = await startFakeHibp([LEAKED]);
  hibp.mood = mood;
  const config = readConfig({ NODE_ENV: "test", BREACH_CHECK: "hibp", HIBP_URL: `${hibp.url}/` });
  const metrics = createMetrics();
  const check = createCheckBreach({ config, metrics, log: captured.log })!;
  after(() => check.close());
  return { hibp, config, metrics, check };
}

test("what is not set is not asked", () => {
  const config = readConfig({ NODE_ENV: "test" });
  assert.equal(
    createCheckBreach({ config, metrics: createMetrics(), log: captured.log }),
    undefined,
  );
});

test("HIBP_URL is https in production, and a URL everywhere", () => {
  for (const [url, env] of [
    ["not a url", "test"],
    ["ftp://x.example", "test"],
  ] as const) {
    assert.throws(() => readConfig({ NODE_ENV: env, HIBP_URL: url }), /HIBP_URL/);
  }
  assert.throws(() => readConfig({ NODE_ENV: "production", HIBP_URL: "http://x" }), /HIBP_URL/);
});

test("a leaked password is known, another is not; only five digits of the SHA-1 leave", async () => {
  const { hibp, check } = await startCheck();
  const scope = { requestId: "secret-request", traceparent: "00-aa-bb-01" };
  assert.equal(await requestScope.run(scope as never, () => check(LEAKED)), "breached");
  assert.equal(await check(GOOD), "clean");
  const hex = createHash("sha1").update(LEAKED).digest("hex").toUpperCase();
  assert.deepEqual(
    hibp.asked.map(({ method, path }) => `${method} ${path.length}`),
    ["GET 12", "GET 12"],
  );
  assert.equal(hibp.asked[0]!.path, `/range/${hex.slice(0, 5)}`);
  assert.equal(hibp.asked[0]!.headers["add-padding"], "true");
  const sent = JSON.stringify(hibp.asked);
  assert.ok(!sent.toUpperCase().includes(hex.slice(5)), "no more than the prefix");
  assert.doesNotMatch(sent, /secret-request|00-aa-bb/);
});

test("padding with a count of 0 is no leak", async () => {
  const { hibp, check } = await startCheck();
  hibp.padded = [createHash("sha1").update(GOOD).digest("hex").toUpperCase().slice(5)];
  assert.equal(await check(GOOD), "clean");
});

test("two spellings of one letter are one password", async () => {
  const hibp = await startFakeHibp(["caf\u00e9 com leite"]);
  const config = readConfig({ NODE_ENV: "test", BREACH_CHECK: "hibp", HIBP_URL: hibp.url });
  const check = createCheckBreach({ config, metrics: createMetrics(), log: captured.log })!;
  assert.equal(await check("cafe\u0301 com leite"), "breached");
  check.close();
});

for (const mood of ["failing", "hanging", "dripping", "wrong", "huge", "redirecting"] as const) {
  test(`a service that is ${mood} is given up in its time: unchecked`, async () => {
    const { check } = await startCheck(mood);
    assert.equal(await check(LEAKED), "unchecked");
  });
}

test("after five failures in a row it is not asked any more", async () => {
  const { hibp, check, metrics } = await startCheck("failing");
  for (let i = 0; i < 5; i++) await check(LEAKED);
  assert.equal(hibp.asked.length, 5);
  hibp.mood = "well";
  for (let i = 0; i < 20; i++) assert.equal(await check(LEAKED), "unchecked");
  assert.equal(hibp.asked.length, 5);
  const text = renderPrometheus([{ layout: metrics.layout(), block: metrics.block }]);
  assert.match(text, /brigade_breach_checks_total\{outcome="unchecked"\} 25/);
});

let db: TestDatabase;
before(async () => void (db = await withDatabase()));
after(() => db.drop());

test("the judge refuses what was leaked, and takes with a line in the log what it cannot ask", async () => {
  const { hibp, check, config } = await startCheck();
  const { database } = db;
  const judge = createPasswordJudge({
    passwords: createInlinePasswords(),
    policyOf: createFreshPolicyOf({ database, config }),
    checkBreach: check,
    database,
    config,
  });
  const candidate = { tenantId: DEFAULT_TENANT_ID, names: [], place: { requestId: "r-1" } };
  await assert.rejects(judge.assertAcceptable({ ...candidate, password: LEAKED }), {
    code: "validation_failed",
    errors: [
      {
        path: "/body/password",
        code: "password_breached",
        message: "is known from a leak; whoever guesses has it",
      },
    ],
  });
  await judge.assertAcceptable({ ...candidate, password: GOOD });
  const unchecked = () =>
    database.read(sql`
      SELECT tenant_id, request_id FROM auth.audit_log
       WHERE action = 'password.breach_unchecked'`);
  assert.deepEqual(await unchecked(), []);
  const before = hibp.asked.length;
  await assert.rejects(judge.assertAcceptable({ ...candidate, password: "short" }));
  await judge.judge({ ...candidate, password: LEAKED });
  assert.equal(hibp.asked.length, before, "what is refused anyway, and questions, stay here");
  hibp.mood = "failing";
  await judge.assertAcceptable({ ...candidate, password: LEAKED });
  assert.deepEqual(await unchecked(), [{ tenant_id: DEFAULT_TENANT_ID, request_id: "r-1" }]);
  assert.doesNotMatch(captured.texts.join(), /plates|beans/);
});
