import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { derivedOf, totalsOf, type Portion } from "../../../src/contexts/recipes-catalog/totals.ts";
import { testSeed } from "../../support/size.ts";

const portion = (changes: Partial<Portion> = {}): Portion => ({
  nutri_facts: null,
  weight_in_grams: null,
  total_time: null,
  ...changes,
});

test("the shares of 60, 20 and 20 g and the density of 500 kcal in 200 g", () => {
  const facts = {
    calories: { value: 500, unit: "kcal" },
    carbohydrate: { value: 60, unit: "g" },
    protein: { value: 0.02, unit: "kg" },
    total_fat: { value: 20_000, unit: "mg" },
  } as const;
  const derived = derivedOf(facts, 200);
  assert.equal(derived.calorie_density, 250);
  assert.deepEqual(
    [derived.carbo_percentage, derived.protein_percentage, derived.total_fat_percentage],
    [60, 20, 20],
  );
  assert.equal(derivedOf(facts, 0).calorie_density, null);
  assert.equal(derivedOf(facts, null).calorie_density, null);
  assert.equal(derivedOf({ calories: facts.calories }, 200).protein_percentage, null);
});

test("amounts in different units of a kind are added, whatever the order", () => {
  const grams = portion({ nutri_facts: { sodium: { value: 2, unit: "g" } } });
  const milligrams = portion({ nutri_facts: { sodium: { value: 500, unit: "mg" } } });
  for (const portions of [
    [grams, milligrams],
    [milligrams, grams],
  ]) {
    assert.equal(totalsOf(portions).sodium, 2500);
  }
});

test("a meal of nothing, and of recipes of which nothing is known", () => {
  const { nutri_facts: facts, weight_in_grams: weight, total_time: time } = totalsOf([]);
  assert.deepEqual([facts, weight, time], [null, 0, null]);
  const unknown = totalsOf([portion(), portion()]);
  assert.deepEqual(
    [unknown.nutri_facts, unknown.calories, unknown.weight_in_grams],
    [null, null, 0],
  );
  assert.equal(totalsOf([portion({ nutri_facts: {} })]).calories, 0, "known to have none given");
  assert.equal(totalsOf([portion({ total_time: 5 }), portion({ total_time: 90 })]).total_time, 90);
});

test("totals are finite numbers or null, for whatever can be stored", () => {
  const amount = fc.record({
    value: fc.double({ min: 0, max: 1e12, noNaN: true }),
    unit: fc.constantFrom("g", "mg", "mcg", "kg", "kcal", "xícara", "un"),
  });
  const facts = fc.option(fc.dictionary(fc.constantFrom("calories", "protein", "sodium"), amount));
  const any = fc.record({
    nutri_facts: facts,
    weight_in_grams: fc.option(fc.nat(10_000_000)),
    total_time: fc.option(fc.nat()),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 100 }), (portions) => {
      const { nutri_facts: sums, ...numbers } = totalsOf(portions as Portion[]);
      for (const [name, value] of Object.entries(numbers)) {
        assert.ok(value === null || (Number.isFinite(value) && value >= 0), `${name}: ${value}`);
      }
      for (const sum of Object.values(sums ?? {})) assert.ok(Number.isFinite(sum.value));
      assert.ok(totalsOf(portions as Portion[]).weight_in_grams <= 2_147_483_647);
    }),
    { seed: testSeed() },
  );
});
