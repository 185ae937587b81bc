import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { keptCharacters, withAllFacts } from "../../../src/contexts/recipes-catalog/facts-text.ts";
import { mealLimits } from "../../../src/platform/limits.ts";
import { NUTRIENTS } from "../../../src/platform/nutrition/nutrients.ts";
import { testSeed } from "../../support/size.ts";

const names = NUTRIENTS.map(([name]) => name);
const facts = fc.dictionary(
  fc.constantFrom(...names),
  fc.record({ unit: fc.constantFrom("g", "mg", "mcg"), value: fc.double({ min: 0, noNaN: true }) }),
);

test("all 83 nutrients are answered in their order, those that are not given as 0", () => {
  fc.assert(
    fc.property(fc.array(facts, { maxLength: 4 }), (all) => {
      const stored = all.map((one) => `{"nutri_facts":\u0001${JSON.stringify(one)}\u0001}`);
      const shown = all.map((given) => ({
        nutri_facts: Object.fromEntries(
          NUTRIENTS.map(([name, unit]) => [name, given[name] ?? { unit, value: 0 }]),
        ),
      }));
      assert.equal(withAllFacts(`[${stored.join(",")}]`), JSON.stringify(shown));
    }),
    { seed: testSeed() },
  );
});

test("text without facts stays as it is, and an unknown nutrient is left out", () => {
  assert.equal(withAllFacts('{"nutri_facts":null}'), '{"nutri_facts":null}');
  const text = withAllFacts('\u0001{"gold":{"unit":"g","value":1}}\u0001');
  assert.deepEqual(Object.keys(JSON.parse(text)), names);
});

test("what is read again is written once, and only so much is kept", () => {
  const textOf = (name: string) => `\u0001{}\u0001,"${name}"`;
  const one = withAllFacts(textOf("one"));
  const kept = keptCharacters();
  assert.equal(withAllFacts(textOf("one")), one);
  assert.equal(keptCharacters(), kept);
  const long = "x".repeat(100_000);
  for (let count = 0; count <= mealLimits.keptCharactersMax / 200_000; count++) {
    const text = textOf(long + count);
    assert.ok(withAllFacts(text).endsWith(`,"${long}${count}"`));
    // This one is asked for all the time.
    withAllFacts(textOf("one"));
    assert.ok(keptCharacters() <= mealLimits.keptCharactersMax);
  }
  const full = keptCharacters();
  assert.ok(full > mealLimits.keptCharactersMax / 2);
  assert.equal(withAllFacts(textOf("one")), one);
  assert.equal(keptCharacters(), full);
  withAllFacts(textOf("y".repeat(mealLimits.keptCharactersMax)));
  assert.equal(keptCharacters(), full, "what is longer than all may be is not kept");
});
