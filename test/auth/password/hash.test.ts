import assert from "node:assert/strict";
import { test } from "node:test";
import bcrypt from "bcryptjs";
import { hashPassword, verifyPassword } from "../../../src/auth/password/hash.ts";

test("argon2id with 19 MiB, two passes, one lane, and a salt of its own", () => {
  const [first, second] = [
    hashPassword("four plates", "argon2id"),
    hashPassword("four plates", "argon2id"),
  ];
  assert.match(first, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.notEqual(first, second);
  for (const hash of [first, second]) {
    assert.deepEqual(verifyPassword("four plates", hash, "argon2id"), { ok: true, rehash: false });
    assert.deepEqual(verifyPassword("four plate", hash, "argon2id"), { ok: false, rehash: false });
  }
});

test("bcrypt with cost 12, of 2a, 2b and 2y", () => {
  const made = hashPassword("four plates", "bcrypt");
  assert.match(made, /^\$2[ab]\$12\$/);
  assert.deepEqual(verifyPassword("four plates", made, "bcrypt"), { ok: true, rehash: false });
  const cheap = bcrypt.hashSync("four plates", 4);
  for (const version of ["2a", "2b", "2y"]) {
    const hash = cheap.replace(/^\$2[aby]/, `$${version}`);
    assert.deepEqual(verifyPassword("four plates", hash, "bcrypt"), { ok: true, rehash: true });
    assert.deepEqual(verifyPassword("four plates", hash, "argon2id"), { ok: true, rehash: true });
    assert.equal(verifyPassword("five plates", hash, "bcrypt").ok, false);
  }
});

test("a wrong password never asks for a new hash", () => {
  const cheap = bcrypt.hashSync("four plates", 4);
  assert.deepEqual(verifyPassword("other", cheap, "argon2id"), { ok: false, rehash: false });
});

test("bcrypt's cut at 72 bytes makes nobody's password right", () => {
  const stored = bcrypt.hashSync("a".repeat(72), 4);
  assert.equal(verifyPassword("a".repeat(72), stored, "bcrypt").ok, true);
  assert.equal(bcrypt.compareSync(`${"a".repeat(72)}b`, stored), true, "what the library says");
  assert.equal(verifyPassword(`${"a".repeat(72)}b`, stored, "bcrypt").ok, false);
  assert.throws(() => hashPassword("é".repeat(37), "bcrypt"), RangeError);
});

test("weaker argon2 parameters are made anew; other kinds and damage are no", () => {
  const weak =
    "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$8h2vkdvnhy5ydcBDBNZ1XBQZbkvX4pVd";
  assert.equal(verifyPassword("x", weak, "argon2id").ok, false);
  for (const hash of [
    "",
    "plain",
    "$argon2i$v=19$m=16,t=2,p=1$AAAA$AAAA",
    "$1$abc$def",
    "$2b$12$",
  ]) {
    assert.deepEqual(verifyPassword("x", hash, "argon2id"), { ok: false, rehash: false });
  }
});

test("two spellings of one letter are one password", () => {
  const hash = hashPassword("caf\u00e9 com leite", "argon2id");
  assert.equal(verifyPassword("cafe\u0301 com leite", hash, "argon2id").ok, true);
});

test("nobody's password costs the work that somebody's does", () => {
  const hash = hashPassword("four plates", "argon2id");
  // Processor time, not time: whatever else the machine does is not in it.
  const spent = (stored: string | undefined) => {
    const begun = process.cpuUsage();
    for (let i = 0; i < 8; i++) verifyPassword("wrong", stored, "argon2id");
    const { user, system } = process.cpuUsage(begun);
    return user + system;
  };
  const [known, unknown] = [spent(hash), spent(undefined)];
  assert.ok(unknown > known / 8, `${unknown} µs are a fraction of ${known} µs`);
});
