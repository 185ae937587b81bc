import assert from "node:assert/strict";
import { test } from "node:test";
import { passwordFaults, strengthFault } from "../../../src/auth/password/policy.ts";
import { passwordStrength } from "../../../src/auth/password/strength.ts";

const settings = (passwordProfile: "standard" | "strict" | "nist", passwordHash = "argon2id") =>
  ({ passwordProfile, passwordHash }) as Parameters<typeof passwordFaults>[2];

const codes = (
  password: string,
  profile: "standard" | "strict" | "nist" = "standard",
  hash?: string,
) =>
  passwordFaults(
    password,
    ["marianne@example.com", "marianne", "Ann"],
    settings(profile, hash),
  ).map(({ code }) => code);

test("length is counted in code points after NFC, from 8 to 256", () => {
  assert.deepEqual(codes("1234567"), ["password_short"]);
  assert.deepEqual(codes("12345678"), []);
  assert.deepEqual(codes("🍚".repeat(7)), ["password_short"]);
  assert.deepEqual(codes("🍚".repeat(8)), []);
  assert.deepEqual(codes("e\u0301".repeat(7)), ["password_short"]);
  assert.deepEqual(codes("🍚".repeat(256)), []);
  assert.deepEqual(codes("🍚".repeat(257)), ["password_long"]);
});

test("strict: 12 and four kinds of characters; nist: 15 and none", () => {
  assert.deepEqual(codes("Abcdefgh1jk", "strict"), ["password_short", "password_simple"]);
  assert.deepEqual(codes("abcdefgh1jkl!", "strict"), ["password_simple"]);
  assert.deepEqual(codes("Abcdefgh!jkl", "strict"), ["password_simple"]);
  assert.deepEqual(codes("Abcdefgh1jk!", "strict"), []);
  assert.deepEqual(codes("fourteen chars", "nist"), ["password_short"]);
  assert.deepEqual(codes("fifteen chars..", "nist"), []);
});

test("bcrypt takes at most 72 bytes", () => {
  assert.deepEqual(codes("é".repeat(36), "standard", "bcrypt"), []);
  assert.deepEqual(codes("é".repeat(37), "standard", "bcrypt"), ["password_long"]);
  assert.deepEqual(codes("é".repeat(37)), []);
});

test("a password of little more than one's own names is refused", () => {
  for (const password of ["marianne", "MARIANNE1", "marianne@example.com", "12marianne34"]) {
    assert.deepEqual(codes(password), ["password_personal"], password);
  }
  assert.deepEqual(codes("marianne cooks rice"), []);
  assert.deepEqual(codes("Annapolis-trip"), [], "a short name may occur by chance");
});

test("half a character and NUL are refused; the messages quote nothing", () => {
  assert.deepEqual(codes("12345678\ud800"), ["password_characters"]);
  assert.deepEqual(codes("12345678\0"), ["password_characters"]);
  const faults = passwordFaults("Sekret1", [], settings("strict"));
  assert.ok(faults.length > 0);
  assert.doesNotMatch(JSON.stringify(faults), /Sekret/);
});

test("what is guessed easily is refused, except by nist", async () => {
  const score = (password: string, ...names: string[]) => passwordStrength(password, names);
  for (const password of ["password", "password123", "qwertyuiop", "aaaaaaaaaaaa", "12345678"]) {
    assert.ok(strengthFault(await score(password), settings("standard")), password);
    assert.equal(strengthFault(await score(password), settings("nist")), undefined);
  }
  for (const password of ["four plates of rice", "x7!Kq2-vRp"]) {
    assert.equal(strengthFault(await score(password), settings("strict")), undefined, password);
  }
  const own = "zebulonquartermaine";
  assert.ok((await score(own, "zebulon@quartermaine.example")) < (await score(own)));
});

test("a long password is judged by its first 32 characters", async () => {
  const tail = "x7!Kq2-vRp four plates of rice";
  assert.ok((await passwordStrength(tail, [])) > 2);
  assert.equal(await passwordStrength("a".repeat(32) + tail, []), 0);
});
