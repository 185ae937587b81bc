import assert from "node:assert/strict";
import { test } from "node:test";
import { assessPassword } from "../../../src/auth/password/assessment.ts";
import { guessingFaults, passwordFaults, rulesOf } from "../../../src/auth/password/policy.ts";
import { defaultPolicy, mergePolicy } from "../../../src/auth/tenants/policy.ts";
import { readConfig } from "../../../src/platform/config.ts";

type Profile = "standard" | "strict" | "nist";

const defaults = defaultPolicy(readConfig({ NODE_ENV: "test" }));
const rules = (
  profile: Profile,
  hash: "argon2id" | "bcrypt" = "argon2id",
  mode: "optional" | "required" = "optional",
) => rulesOf(mergePolicy(defaults, { password: { profile }, mfa: { mode } }), hash);

const codes = (
  password: string,
  profile: Profile = "standard",
  hash: "argon2id" | "bcrypt" = "argon2id",
) =>
  passwordFaults(
    password,
    ["marianne@example.com", "marianne", "Ann", "brigade"],
    rules(profile, hash),
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

test("nist with a second factor for everybody: 8", () => {
  const short = (mode: "optional" | "required") =>
    passwordFaults("fourteen chars", [], rules("nist", "argon2id", mode)).map(({ code }) => code);
  assert.deepEqual(short("optional"), ["password_short"]);
  assert.deepEqual(short("required"), []);
  assert.equal(rules("nist", "argon2id", "required").minCodePoints, 8);
  assert.equal(rules("strict", "argon2id", "required").minCodePoints, 12, "nist's alone");
});

test("bcrypt takes at most 72 bytes", () => {
  assert.deepEqual(codes("é".repeat(36), "standard", "bcrypt"), []);
  assert.deepEqual(codes("é".repeat(37), "standard", "bcrypt"), ["password_long"]);
  assert.deepEqual(codes("é".repeat(37)), []);
});

test("a password of little more than one's own names is refused", () => {
  for (const password of [
    "marianne",
    "MARIANNE1",
    "marianne@example.com",
    "12marianne34",
    "Brigade2026",
  ]) {
    assert.deepEqual(codes(password), ["password_personal"], password);
  }
  assert.deepEqual(codes("marianne cooks rice"), []);
  assert.deepEqual(codes("Annapolis-trip"), [], "a short name may occur by chance");
});

test("half a character and NUL are refused; the messages quote nothing", () => {
  assert.deepEqual(codes("12345678\ud800"), ["password_characters"]);
  assert.deepEqual(codes("12345678\0"), ["password_characters"]);
  const faults = passwordFaults("Sekret1", [], rules("strict"));
  assert.ok(faults.length > 0);
  assert.doesNotMatch(JSON.stringify(faults), /Sekret/);
});

const guessing = async (password: string, profile: Profile, ...names: string[]) =>
  guessingFaults(await assessPassword(password, names), rules(profile)).map(({ code }) => code);

test("what is guessed easily is refused, except by nist", async () => {
  for (const password of ["abcabcabcabc", "aaaaaaaaaaaa1", "02/05/1984"]) {
    assert.deepEqual(await guessing(password, "standard"), ["password_weak"], password);
    assert.deepEqual(await guessing(password, "nist"), [], password);
  }
  for (const password of ["four plates of rice", "x7!Kq2-vRp"]) {
    assert.deepEqual(await guessing(password, "strict"), [], password);
  }
});

test("the passwords that everybody uses are refused by every profile, in any case", async () => {
  for (const password of ["password", "PASSWORD", "qwertyuiop", "12345678", "Password123"]) {
    assert.deepEqual(await guessing(password, "nist"), ["password_common"], password);
    assert.ok((await guessing(password, "standard")).includes("password_common"), password);
  }
});

test("one's own names help whoever guesses", async () => {
  const score = async (...names: string[]) =>
    (await assessPassword("zebulonquartermaine", names)).score;
  assert.ok((await score("zebulon@quartermaine.example")) < (await score()));
});

test("a long password is judged by its first 32 characters", async () => {
  const tail = "x7!Kq2-vRp four plates of rice";
  const score = async (password: string) => (await assessPassword(password, [])).score;
  assert.ok((await score(tail)) > 2);
  assert.equal(await score("a".repeat(32) + tail), 0);
});

test("many and long names cost no more than a few", async () => {
  const names = Array.from({ length: 500 }, (_, i) => `name${i} `.repeat(50));
  const begun = process.cpuUsage();
  await assessPassword("aB3$".repeat(64), names);
  const { user, system } = process.cpuUsage(begun);
  assert.ok(user + system < 1_000_000, `${user + system} µs`);
});
