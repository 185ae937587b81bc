import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  amountsOf,
  mergeNutriFacts,
  nutriFactsJson,
  toStoredNutriFacts,
} from "../../../src/contexts/products-catalog/nutri-facts.ts";
import type { NutriFactsInput } from "../../../src/platform/nutrition/facts.ts";
import {
  MEASURE_UNITS,
  NUTRIENTS,
  type NutrientName,
} from "../../../src/platform/nutrition/nutrients.ts";
import { testSeed, testSize } from "../../support/size.ts";

const DEFAULT_UNITS = new Map<string, string>(NUTRIENTS);
const names = NUTRIENTS.map(([name]) => name);
const amount = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const input = fc.oneof(
  amount,
  fc.constant(null),
  fc.record(
    { value: fc.option(amount), unit: fc.option(fc.constantFrom(...MEASURE_UNITS)) },
    { requiredKeys: [] },
  ),
);
const facts: fc.Arbitrary<NutriFactsInput> = fc.dictionary(fc.constantFrom(...names), input);
const runs = { seed: testSeed(), numRuns: testSize(300, 10_000) };

/** What a reader must see of one nutrient. */
function shown(name: NutrientName, given: NutriFactsInput[NutrientName]) {
  const unit = DEFAULT_UNITS.get(name);
  if (typeof given === "number") return { unit, value: given };
  return { unit: given?.unit ?? unit, value: given?.value ?? 0 };
}

function read(stored: ReturnType<typeof toStoredNutriFacts>) {
  const text = stored.amounts.map((value) => value ?? "").join(",");
  assert.deepEqual(amountsOf(text), stored.amounts);
  return JSON.parse(nutriFactsJson(text, stored.units)) as Record<string, object>;
}

test("there are 83 nutrients of different names", () => {
  assert.equal(new Set(names).size, 83);
  assert.deepEqual([names[0], names[82]], ["calories", "niacin"]);
});

test("every amount comes back with its unit, in the order of the contract", () => {
  fc.assert(
    fc.property(facts, (given) => {
      const seen = read(toStoredNutriFacts(given));
      assert.deepEqual(Object.keys(seen), names);
      for (const name of names) assert.deepEqual(seen[name], shown(name, given[name]), name);
    }),
    runs,
  );
});

test("a change replaces exactly the nutrients that it names", () => {
  fc.assert(
    fc.property(facts, facts, (first, second) => {
      const merged = mergeNutriFacts(toStoredNutriFacts(first), second);
      assert.deepEqual(merged, toStoredNutriFacts({ ...first, ...second }));
      assert.deepEqual(mergeNutriFacts(null, second), toStoredNutriFacts(second));
    }),
    runs,
  );
});
