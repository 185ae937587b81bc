import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { isSealedByFirst, seal, unseal, type SealingKey } from "../../../src/auth/keys/envelope.ts";
import { KeyFault } from "../../../src/auth/keys/material.ts";

const first: SealingKey = { id: "k1", key: randomBytes(32) };
const second: SealingKey = { id: "k2", key: randomBytes(32) };
const secret = Buffer.from("a private key");

test("what was sealed opens again, under the same context only", () => {
  const sealed = seal(secret, [first], "kid-1 sig RS256");
  assert.deepEqual(unseal(sealed, [first], "kid-1 sig RS256"), secret);
  for (const context of ["kid-2 sig RS256", "kid-1 mac RS256", ""]) {
    assert.throws(() => unseal(sealed, [first], context), KeyFault);
  }
});

test("the first key seals, every key opens what it sealed", () => {
  const old = seal(secret, [first], "c");
  assert.deepEqual(unseal(old, [second, first], "c"), secret);
  assert.ok(isSealedByFirst(old, [first, second]));
  assert.ok(!isSealedByFirst(old, [second, first]));
  assert.ok(isSealedByFirst(seal(secret, [second, first], "c"), [second]));
});

test("a key that is away, or another one of the same name, opens nothing", () => {
  const sealed = seal(secret, [first], "c");
  assert.throws(() => unseal(sealed, [second], "c"), /"k1", which is away/);
  assert.throws(() => unseal(sealed, [{ id: "k1", key: randomBytes(32) }], "c"), /does not open/);
  assert.throws(() => seal(secret, [], "c"), /no key-encryption key/);
});

test("a sealed text that was changed does not open", () => {
  const sealed = seal(secret, [first], "c");
  const [version, id, text] = sealed.split(".") as [string, string, string];
  const box = Buffer.from(text, "base64url");
  for (let at = 0; at < box.length; at++) {
    const changed = Buffer.from(box);
    changed[at]! ^= 1;
    const torn = `${version}.${id}.${changed.toString("base64url")}`;
    assert.throws(() => unseal(torn, [first], "c"), /does not open/, `byte ${at}`);
  }
  assert.throws(() => unseal(`v2.${id}.${text}`, [first], "c"), /unknown form/);
  assert.throws(() => unseal("plain text", [first], "c"), /unknown form/);
  assert.throws(() => unseal(`${version}.${id}.AAAA`, [first], "c"), /cut off/);
});

test("the same secret is never sealed the same way", () => {
  assert.notEqual(seal(secret, [first], "c"), seal(secret, [first], "c"));
});
