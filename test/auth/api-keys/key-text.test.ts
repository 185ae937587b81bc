import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { crc32 } from "node:zlib";
import { fromBase62, toBase62 } from "../../../src/auth/api-keys/base62.ts";
import { makeKeyPrefix, makeKeyText, readKeyText } from "../../../src/auth/api-keys/key-text.ts";
import { newId } from "../../../src/platform/ids.ts";

test("a key's text is its prefix, id, secret and checksum, and reads back", () => {
  for (let round = 0; round < 200; round++) {
    const id = newId();
    const made = makeKeyText(id);
    const match = /^brg_([0-9A-Za-z]{22})_([0-9A-Za-z]{27})_([0-9A-Za-z]{6})$/.exec(made.text);
    assert.ok(match, made.text);
    assert.ok(made.text.startsWith(`${makeKeyPrefix(id)}_`));
    const [, , secret = "", checksum] = match;
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(made.text.slice(0, -7)));
    assert.equal(checksum, toBase62(sum, 6));
    assert.deepEqual(made.digest, createHash("sha256").update(secret).digest());
    assert.deepEqual(readKeyText(made.text), { id, digest: made.digest });
  }
});

test("a secret has 160 random bits and none comes twice", () => {
  const secrets = Array.from({ length: 1_000 }, () => makeKeyText(newId()).text.slice(27, 54));
  assert.equal(new Set(secrets).size, 1_000);
  const bits = secrets.map((secret) => fromBase62(secret, 20));
  assert.ok(bits.every((bytes) => bytes !== undefined));
  // Each of the 20 bytes takes many values: nothing of it is fixed.
  for (let at = 0; at < 20; at++) assert.ok(new Set(bits.map((bytes) => bytes![at])).size > 100);
});

test("every change of one character is told by the checksum", () => {
  const { text } = makeKeyText(newId());
  for (let at = 4; at < text.length; at++) {
    const other = text[at] === "a" ? "b" : "a";
    assert.equal(readKeyText(text.slice(0, at) + other + text.slice(at + 1)), undefined, `${at}`);
  }
});

test("what is no key of ours is none, whatever its shape", () => {
  const { text } = makeKeyText(newId());
  const [, id = "", secret = ""] = text.split("_");
  const summed = (head: string) => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(head));
    return `${head}_${toBase62(sum, 6)}`;
  };
  assert.ok(readKeyText(summed(`brg_${id}_${secret}`)));
  const bad = [
    "",
    "brg_",
    text.slice(0, -1),
    `${text}0`,
    ` ${text}`,
    `${text}\n`,
    text.toUpperCase(),
    text.replaceAll("_", "-"),
    text.replace("brg_", "abc_"),
    // Greater than any 128-bit number.
    summed(`brg_${"z".repeat(22)}_${secret}`),
    summed(`brg_${id}_${secret.slice(1)}`),
    summed(`brg_${id}_${secret.slice(1)}\u00e9`),
  ];
  for (const words of bad) assert.equal(readKeyText(words), undefined, JSON.stringify(words));
});

test("every number of 128 bits is read again as it was written", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = toBase62(bytes, 22);
      assert.equal(text.length, 22);
      assert.deepEqual(fromBase62(text, 16), Buffer.from(bytes));
    }),
  );
  // Whole parts of zeros, in front and in the middle.
  for (const digits of ["z00000000", "1000000000000000", "000000010000000z"]) {
    const bytes = fromBase62(digits, 16)!;
    assert.equal(toBase62(bytes, digits.length), digits);
  }
});

test("numbers keep their width in base 62", () => {
  assert.equal(toBase62(Uint8Array.of(0), 3), "000");
  assert.equal(toBase62(Uint8Array.of(61), 3), "00z");
  assert.deepEqual(fromBase62("00z", 2), Buffer.from([0, 61]));
  assert.equal(fromBase62("zzz", 2), undefined);
  assert.equal(fromBase62("0-0", 2), undefined);
});
