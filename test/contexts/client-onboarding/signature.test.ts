import assert from "node:assert/strict";
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { after, before, test } from "node:test";
import { findSigner, isSigned } from "../../../src/contexts/client-onboarding/signature.ts";
import { formSecretOf } from "../../../src/contexts/client-onboarding/webhook-secret.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { newDelivery, signDelivery, WEBHOOK_SECRET } from "../../support/typeform.ts";
import { countResponses, insertForm, openOnboarding } from "./support.ts";

// Work is counted, not time: a clock would tell of the machine. Times are in `bench/webhook.ts`.
const work = { hashes: 0, compared: [] as number[], statements: 0, parsed: 0 };
const { createHmac, timingSafeEqual } = crypto;
const { parse } = JSON;
/** The text whose parsing is counted. */
let watched = "";
let database: TestDatabase;
let api: ReturnType<typeof openOnboarding>;
before(async () => {
  database = await withDatabase();
  const counting = new Proxy(database.database, {
    get(target, name) {
      if (name === "query" || name === "read" || name === "withTransaction") work.statements++;
      return Reflect.get(target, name) as unknown;
    },
  });
  api = openOnboarding(counting as Database, { secrets: [WEBHOOK_SECRET, "the one before, long"] });
  await insertForm(database.database, "known_form");
  crypto.createHmac = ((...given: Parameters<typeof createHmac>) => {
    work.hashes++;
    return createHmac(...given);
  }) as typeof createHmac;
  crypto.timingSafeEqual = (a, b) => {
    work.compared.push(a.byteLength);
    return timingSafeEqual(a, b);
  };
  syncBuiltinESMExports();
  JSON.parse = ((...given: Parameters<typeof parse>) => {
    if (given[0] === watched) work.parsed++;
    return parse(...given) as unknown;
  }) as typeof parse;
});
after(async () => {
  Object.assign(crypto, { createHmac, timingSafeEqual });
  JSON.parse = parse;
  syncBuiltinESMExports();
  await database.drop();
});

async function workOf(task: () => unknown): Promise<typeof work> {
  Object.assign(work, { hashes: 0, compared: [], statements: 0, parsed: 0 });
  await task();
  return structuredClone(work);
}

test("wherever a signature is wrong, all of it is compared with all secrets, and as often", async () => {
  const body = Buffer.from(JSON.stringify(newDelivery("known_form", "a")));
  const good = signDelivery(body, "a secret that we do not have");
  const secrets = [WEBHOOK_SECRET, "the one before, long"];
  const close = signDelivery(body, WEBHOOK_SECRET);
  const wanted = { hashes: 2, compared: [close.length, close.length], statements: 0, parsed: 0 };
  assert.deepEqual(await workOf(() => isSigned(body, [good], secrets)), wanted);
  for (let at = 0; at < close.length; at++) {
    const wrong = close.slice(0, at) + (close[at] === "A" ? "B" : "A") + close.slice(at + 1);
    let isGood = true;
    const done = await workOf(() => (isGood = isSigned(body, [wrong], secrets)));
    assert.equal(isGood, false, String(at));
    assert.deepEqual(done, wanted, String(at));
  }
  // Which of the secrets it was does not show either.
  for (const secret of secrets) {
    const signed = [signDelivery(body, secret)];
    assert.deepEqual(await workOf(() => assert.ok(isSigned(body, signed, secrets))), wanted);
  }
});

test("a bad signature costs the same and is answered alike, whatever form it names", async () => {
  const bodies = {
    known: newDelivery("known_form", "b"),
    unknown: newDelivery("other_form", "b"),
    nameless: { event_type: "form_response", form_response: {} },
    odd: [1, 2, 3],
  };
  const seen = [];
  for (const [name, payload] of Object.entries(bodies)) {
    const raw = JSON.stringify(payload);
    const headers = [["typeform-signature", signDelivery(raw, "somebody else's")]] as const;
    let answer: Awaited<ReturnType<typeof api.call>> | undefined;
    const done = await workOf(async () => {
      answer = await api.call("POST", "/webhook", { as: null, raw, headers });
    });
    assert.equal(answer!.status, 401, name);
    const { request_id: _id, timestamp: _at, ...body } = answer!.body;
    // The lengths of id and time are those of every answer.
    const names = Object.keys(answer!.headers).toSorted();
    seen.push(JSON.stringify({ done, body, names }));
  }
  assert.equal(new Set(seen).size, 1, seen.join("\n"));
  assert.match(seen[0]!, /"statements":0/);
});

test("what is not signed is not read: neither its shape nor its size counts", async () => {
  const mega = 1_048_576;
  const bodies = [
    "{",
    '{"a":1,"a":2}',
    "\u0000",
    "[".repeat(mega),
    '{"form_id":"known_form",'.repeat(40_000),
    '"form_id"'.repeat(100_000),
    `{"form_response":{"form_id":"known_form"},"a":"${"\\u0000".repeat(100_000)}`,
    JSON.stringify(newDelivery("known_form", "big", { hidden: { x: "y".repeat(mega - 2_000) } })),
  ];
  for (const raw of bodies) {
    for (const signature of ["sha256=x", signDelivery(raw, "somebody else's")]) {
      const headers = [["typeform-signature", signature]] as const;
      let status = 0;
      watched = raw;
      const done = await workOf(async () => {
        status = (await api.call("POST", "/webhook", { as: null, raw, headers })).status;
      });
      assert.equal(status, 401, raw.slice(0, 20));
      assert.equal(done.parsed, 0, raw.slice(0, 20));
      if (signature === "sha256=x") assert.equal(done.hashes, 0);
    }
  }
  // The counter counts: what is signed is read.
  watched = JSON.stringify(newDelivery("known_form", "read"));
  const read = await workOf(async () => {
    assert.equal((await api.take(watched)).status, 200);
  });
  assert.equal(read.parsed, 1);
});

const ours = (raw: string, signature: string) =>
  findSigner(Buffer.from(raw), [signature], [WEBHOOK_SECRET]);

test("the secret of a form is found by the name in the bytes, in whatever spacing", () => {
  const secret = formSecretOf(WEBHOOK_SECRET, "form_1");
  for (const raw of [
    '{"form_response":{"form_id":"form_1"}}',
    '{ "form_response" : { "token": "t",\n "form_id"\t:\r\n "form_1" } }',
    '{"note":"\\"form_id\\":\\"form_2\\"","form_response":{"form_id":"form_1"}}',
    '{"hidden":{"form_id":"form_2"},"form_response":{"form_id":"form_1"}}',
    '{"form_id":5,"form_response":{"form_id":"form_1"}}',
  ]) {
    assert.deepEqual(ours(raw, signDelivery(raw, secret)), { kind: "form", typeformId: "form_1" });
    assert.deepEqual(ours(raw, signDelivery(raw)), { kind: "ours" });
    assert.equal(ours(raw, signDelivery(raw, formSecretOf(WEBHOOK_SECRET, "form_3"))), undefined);
  }
  // Behind too many others it is not looked for.
  const others = '{"form_id":"form_2"},'.repeat(3);
  const late = `[${others}{"form_id":"form_1"}]`;
  assert.equal(ours(late, signDelivery(late, secret)), undefined);
});

test("who knows the secret of one form signs for no other, wherever he names his own", async () => {
  const secret = formSecretOf(WEBHOOK_SECRET, "his_own_form");
  for (const payload of [
    { his: { form_id: "his_own_form" }, ...newDelivery("known_form", "forged") },
    newDelivery("known_form", "forged", { hidden: { form_id: "his_own_form" } }),
  ]) {
    const answer = await api.take(payload, secret);
    assert.equal(answer.status, 401, answer.text);
    assert.equal(answer.body.error_code, "webhook_signature_invalid");
  }
  assert.equal(await countResponses(database.database), 1);
});
