import assert from "node:assert/strict";
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
  isAuthentic,
  makeRefreshToken,
  parseRefreshToken,
} from "../../../src/auth/session/refresh-token.ts";
import { testSeed, testSize } from "../../support/size.ts";

const key = { kid: "k-1", secret: randomBytes(32) };
const secret = randomBytes(32);
const session = randomUUID();

test("kid, session, counter and an HMAC-SHA-256 over session, counter and the row's secret", () => {
  const token = makeRefreshToken(session, 7, secret, key);
  const [kid, id, counter, mac] = token.split(".");
  const bytes = Buffer.from(session.replaceAll("-", ""), "hex");
  assert.deepEqual([kid, id, counter], ["k-1", bytes.toString("base64url"), "7"]);
  const expected = createHmac("sha256", key.secret)
    .update(Buffer.concat([bytes, Buffer.from([0, 0, 0, 7]), secret]))
    .digest("base64url");
  assert.equal(mac, expected);
});

test("what is made is read and authentic; any other secret, key, counter or session is not", () => {
  const seed = testSeed();
  const counters = fc.integer({ min: 0, max: 2 ** 31 - 1 });
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(fc.uuid(), counters, bytes, bytes, (id, counter, own, other) => {
      const token = makeRefreshToken(id, counter, own, key);
      const parsed = parseRefreshToken(token);
      assert.ok(parsed);
      assert.deepEqual([parsed.kid, parsed.sessionId, parsed.counter], ["k-1", id, counter]);
      assert.equal(isAuthentic(parsed, own, key), true);
      if (own.equals(other)) return;
      assert.equal(isAuthentic(parsed, other, key), false);
      assert.equal(isAuthentic(parsed, own, { kid: "k-1", secret: other }), false);
      assert.equal(isAuthentic({ ...parsed, counter: counter ^ 1 }, own, key), false);
      assert.equal(isAuthentic({ ...parsed, sessionId: session }, own, key), false);
    }),
    { seed, numRuns: testSize(100, 5_000) },
  );
});

test("only the one spelling is read: each changed character is another token or none", () => {
  const token = makeRefreshToken(session, 12, secret, key);
  for (let at = 0; at < token.length; at++) {
    for (const other of ["A", "B", "0", "9", ".", "-", "=", " ", "+"]) {
      if (token[at] === other) continue;
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      const parsed = parseRefreshToken(changed);
      if (parsed === undefined) continue;
      const sameKid = parsed.kid === key.kid;
      assert.ok(!sameKid || !isAuthentic(parsed, secret, key), changed);
    }
  }
});

test("anything else is no refresh token", () => {
  const token = makeRefreshToken(session, 1, secret, key);
  const [kid, id, , mac] = token.split(".");
  for (const text of [
    "",
    "garbage",
    "a.b.c",
    `${token}.`,
    `.${token}`,
    ` ${token}`,
    `${token}\n`,
    `${kid}.${id}.01.${mac}`,
    `${kid}.${id}.-1.${mac}`,
    `${kid}.${id}.1e1.${mac}`,
    `${kid}.${id}.2147483648.${mac}`,
    `${kid}.${id}.99999999999.${mac}`,
    `.${id}.1.${mac}`,
    `${"k".repeat(600)}.${id}.1.${mac}`,
    `${kid}.${session}.1.${mac}`,
    // The last character carries two bits that no byte needs.
    `${kid}.${id}.1.${mac!.slice(0, 42)}${String.fromCharCode(mac!.charCodeAt(42) + 1)}`,
  ]) {
    assert.equal(parseRefreshToken(text), undefined, JSON.stringify(text));
  }
});
