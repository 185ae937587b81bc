import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { withAllFacts } from "../../../src/contexts/recipes-catalog/facts-text.ts";
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
