import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createPace } from "../../../src/contexts/client-onboarding/store-pace.ts";
import { createTypeformClient } from "../../../src/contexts/client-onboarding/typeform-client.ts";
import { outgoingLimits } from "../../../src/platform/limits.ts";
import { sql } from "../../../src/platform/sql.ts";
import { openCallers, PUBLIC_URL } from "../../support/callers.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import {
  startTypeform,
  TYPEFORM_KEY,
  withoutPace,
  type FakeTypeform,
  type Trouble,
} from "../../support/typeform.ts";

const HOOK = "https://api.example.com/v1/client-onboarding/webhook";
const account = {
  keyId: "server",
  paceName: "calls",
  apiKey: TYPEFORM_KEY,
  toldAs: "x",
  secretOf: () => "a secret of the tests, long",
};
let database: TestDatabase;
let typeform: FakeTypeform;
let servers: TestServer[];
let token: string;
before(async () => {
  [database, typeform] = await Promise.all([withDatabase(), startTypeform({ anyForm: true })]);
  const callers = await openCallers(database);
  token = (await callers.openTokens(await callers.makeCaller())).accessToken;
  const env = { PUBLIC_URL, RATE_LIMIT_ENABLED: "false", ...typeform.env };
  const start = () => startServer({ databaseUrl: database.url, env });
  servers = await Promise.all([start(), start()]);
});
after(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await typeform.stop();
  await database.drop();
});

async function register(server: TestServer, typeformId: string) {
  const response = await fetch(`${server.url}/v1/client-onboarding/forms`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ typeform_url: typeformId, webhook_url: HOOK }),
  });
  await response.text();
  return response.status;
}

test("two processes together keep two calls a second", async () => {
  const statuses = await Promise.all(
    [0, 1, 2, 3].map((index) => register(servers[index % 2]!, `paced_${index}`)),
  );
  assert.deepEqual([...new Set(statuses)], [201]);
  const times = typeform.calls.map(({ atMs }) => atMs);
  assert.equal(times.length, 8);
  // Eight calls take 3.5 s. A late one may come close to the next; together they cannot hurry.
  assert.ok(times.at(-1)! - times[0]! >= 2_000, times.join(" "));
  for (let at = 4; at < times.length; at++) {
    assert.ok(times[at]! - times[at - 4]! >= 800, times.join(" "));
  }
});

test("a pause that TypeForm asks one process for is kept by the other", async () => {
  const begun = typeform.calls.length;
  typeform.meet(() => ({ status: 429, retryAfter: "3" }));
  assert.equal(await register(servers[0]!, "paused_a"), 503);
  typeform.meet(undefined);
  assert.equal(await register(servers[1]!, "paused_b"), 201);
  const [first, second] = typeform.calls.slice(begun);
  assert.ok(second!.atMs - first!.atMs >= 2_900, `${second!.atMs - first!.atMs}`);
});

/** Calls a TypeForm of its own, whose breaker nobody else has met. */
async function meetTrouble(trouble: Trouble, timeoutMs: number) {
  const other = await startTypeform({ anyForm: true });
  await withoutPace(database);
  try {
    const client = createTypeformClient(
      { apiUrl: other.url },
      createPace(database.database),
      timeoutMs,
    );
    other.meet(() => trouble);
    const outcomes = [];
    for (let call = 0; call < outgoingLimits.breakerFailureThresholdCount + 3; call++) {
      outcomes.push(await client.putWebhook(account, "form", { url: HOOK, isEnabled: true }));
    }
    return { outcomes, calls: other.calls.length };
  } finally {
    await database.database.query(sql`drop trigger at_once on client_onboarding.typeform_pace`);
    await database.database.query(sql`drop function client_onboarding.at_once`);
    await other.stop();
  }
}

test("a TypeForm that is slow, cuts connections or fails is left alone after some tries", async () => {
  for (const trouble of ["hang", "cut", { status: 500 }, { status: 503 }] as const) {
    // Only a call without an answer is to run out of time.
    const { outcomes, calls } = await meetTrouble(trouble, trouble === "hang" ? 150 : 8_000);
    assert.equal(calls, outgoingLimits.breakerFailureThresholdCount, JSON.stringify(trouble));
    const certain = outcomes.map((one) => one.kind === "away" && !one.isUncertain);
    // What was sent may have had its effect; what the breaker kept back had none.
    assert.deepEqual(
      certain,
      outcomes.map((_, index) => index >= calls),
    );
    for (const one of outcomes) assert.ok(one.kind === "away" && one.retryAfterSeconds >= 1);
  }
});

test("refusals and a pause open no breaker: another key may be good", async () => {
  for (const [status, kind] of [
    [401, "refused"],
    [404, "missing"],
    [422, "invalid"],
    [429, "limited"],
  ] as const) {
    const { outcomes, calls } = await meetTrouble({ status }, 8_000);
    assert.equal(calls, outcomes.length);
    assert.deepEqual([...new Set(outcomes.map((one) => one.kind))], [kind]);
  }
});

test("a pause is as long as TypeForm says, an hour at most, and a little when it does not say", async () => {
  for (const [retryAfter, seconds] of [
    ["7", 7],
    ["0", 1],
    ["999999", 3_600],
    ["Wed, 21 Oct 2026 07:28:00 GMT", 5],
    ["-3", 5],
    [undefined, 5],
  ] as const) {
    const trouble = { status: 429, ...(retryAfter === undefined ? {} : { retryAfter }) };
    const { outcomes } = await meetTrouble(trouble, 8_000);
    assert.deepEqual(outcomes[0], { kind: "limited", retryAfterSeconds: seconds });
  }
});
