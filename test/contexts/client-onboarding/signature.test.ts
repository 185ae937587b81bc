import assert from "node:assert/strict";
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { after, before, test } from "node:test";
import { isGenuine, isSigned } from "../../../src/contexts/client-onboarding/signature.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { newDelivery, signDelivery, WEBHOOK_SECRET } from "../../support/typeform.ts";
import { insertForm, openOnboarding } from "./support.ts";

// Work is counted, not time: a clock would tell of the machine. Times are in `bench/webhook.ts`.
const work = { hashes: 0, compared: [] as number[], statements: 0 };
const { createHmac, timingSafeEqual } = crypto;
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
});
after(async () => {
  Object.assign(crypto, { createHmac, timingSafeEqual });
  syncBuiltinESMExports();
  await database.drop();
});

async function workOf(task: () => unknown): Promise<typeof work> {
  Object.assign(work, { hashes: 0, compared: [], statements: 0 });
  await task();
  return structuredClone(work);
}

test("wherever a signature is wrong, all of it is compared with all secrets, and as often", async () => {
  const body = Buffer.from(JSON.stringify(newDelivery("known_form", "a")));
  const good = signDelivery(body, "a secret that we do not have");
  const secrets = [WEBHOOK_SECRET, "the one before, long"];
  const close = signDelivery(body, WEBHOOK_SECRET);
  const wanted = { hashes: 2, compared: [close.length, close.length], statements: 0 };
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

test("what is no JSON is refused by its signature, not by its shape", async () => {
  for (const raw of ["{", '{"a":1,"a":2}', "\u0000", `${"[".repeat(5_000)}`]) {
    const headers = [["typeform-signature", signDelivery(raw, "somebody else's")]] as const;
    const answer = await api.call("POST", "/webhook", { as: null, raw, headers });
    assert.equal(answer.status, 401, raw.slice(0, 20));
  }
  assert.equal(isGenuine(Buffer.from("{"), ["sha256=x"], [WEBHOOK_SECRET]), false);
});
