import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assessPassword } from "../../../src/auth/password/assessment.ts";
import { generatePassword, shortestGenerated } from "../../../src/auth/password/generator.ts";
import {
  guessingFaults,
  normalisePassword,
  passwordFaults,
  rulesOf,
} from "../../../src/auth/password/policy.ts";
import { defaultPolicy, mergePolicy } from "../../../src/auth/tenants/policy.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { generatorLimits } from "../../../src/platform/limits.ts";
import { testSeed, testSize } from "../../support/size.ts";

const defaults = defaultPolicy(readConfig({ NODE_ENV: "test" }));
const anyRules = fc
  .record({
    profile: fc.constantFrom("standard", "strict", "nist"),
    mode: fc.constantFrom("off", "optional", "required"),
    hash: fc.constantFrom("argon2id", "bcrypt"),
  })
  .map(({ profile, mode, hash }) =>
    rulesOf(mergePolicy(defaults, { password: { profile }, mfa: { mode } }), hash),
  );
const anyRequest = fc.record({
  length: fc.option(
    fc.integer({ min: generatorLimits.minCharacters, max: generatorLimits.maxCharacters }),
    { nil: undefined },
  ),
  complexity: fc.constantFrom("simple", "full", undefined),
});
const parameters = { seed: testSeed(), numRuns: testSize(300, 5_000) };

test("whatever is asked for, what is made meets the rules and has the length", () => {
  fc.assert(
    fc.property(anyRules, anyRequest, (rules, request) => {
      const password = generatePassword(request, rules);
      assert.deepEqual(passwordFaults(password, ["ana@example.com", "brigade"], rules), []);
      const wanted = request.length ?? generatorLimits.usualCharacters;
      assert.equal(password.length, Math.max(wanted, shortestGenerated(rules)));
      assert.equal(normalisePassword(password), password);
      assert.match(password, /^[!-~]+$/);
      if (request.complexity === "simple" && !rules.isComplex) {
        assert.match(password, /^[A-Za-z0-9]+$/);
      }
    }),
    parameters,
  );
});

test("the shortest ones are hard to guess, and among no common ones", async () => {
  const rules = rulesOf(mergePolicy(defaults, {}), "argon2id");
  for (let i = 0; i < testSize(40, 1_000); i++) {
    const password = generatePassword({ length: 12, complexity: "simple" }, rules);
    const assessment = await assessPassword(password, []);
    assert.deepEqual(guessingFaults(assessment, rules), []);
    assert.ok(assessment.score >= 3, password);
  }
});

test("all characters of the alphabet come about equally often", () => {
  const rules = rulesOf(mergePolicy(defaults, {}), "argon2id");
  const counts = new Map<string, number>();
  const count = 1_000;
  for (let i = 0; i < count; i++) {
    for (const character of generatePassword({ length: 64, complexity: "simple" }, rules)) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
  }
  const expected = (count * 64) / counts.size;
  assert.equal(counts.size, 56);
  // Chi-squared with 55 degrees of freedom: above 120 once in ten million runs.
  let chi = 0;
  for (const seen of counts.values()) chi += (seen - expected) ** 2 / expected;
  assert.ok(chi < 120, `chi-squared ${chi}`);
});

const anyText = fc.string({ unit: "binary", maxLength: 300 });
const codesOf = (text: string, words: string[], rules: ReturnType<typeof rulesOf>) =>
  passwordFaults(text, words, rules).map(({ code }) => code);

test("rules: no text breaks them, another normal form changes nothing, more characters are never too short", () => {
  fc.assert(
    fc.property(anyText, fc.array(anyText, { maxLength: 4 }), anyRules, (text, words, rules) => {
      const codes = codesOf(text, words, rules);
      assert.deepEqual(codesOf(text.normalize("NFD"), words, rules), codes);
      if (!codes.includes("password_short")) {
        assert.ok(!codesOf(`${text}x7Q`, words, rules).includes("password_short"));
      }
      const length = Array.from(normalisePassword(text)).length;
      assert.equal(codes.includes("password_short"), length < rules.minCodePoints);
      if (rules.maxBytes === undefined) {
        assert.equal(codes.includes("password_long"), length > rules.maxCodePoints);
      }
      const quoted = JSON.stringify(passwordFaults(text, words, rules));
      if (length > 20) assert.ok(!quoted.includes(text));
    }),
    parameters,
  );
});

test("rules: a name and fewer than eight characters around it are always refused", () => {
  const letters = fc.string({
    unit: fc.constantFrom(..."abcdefgh".split("")),
    minLength: 4,
    maxLength: 20,
  });
  const little = fc.string({ unit: fc.constantFrom(..."0123456789".split("")), maxLength: 3 });
  fc.assert(
    fc.property(little, letters, little, anyRules, (before, name, after, rules) => {
      const text = `${before}${name.toUpperCase()}${after}`;
      assert.ok(codesOf(text, [name], rules).includes("password_personal"), text);
      assert.ok(codesOf(text, [`${name}@example.com`], rules).includes("password_personal"));
    }),
    parameters,
  );
});
