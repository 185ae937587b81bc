import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { derivedOf, totalsOf, type Portion } from "../../../src/contexts/recipes-catalog/totals.ts";
import { testSeed, testSize } from "../../support/size.ts";

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

const anyFacts = fc.option(
  fc.dictionary(
    fc.constantFrom("calories", "protein", "sodium", "vitamin_a"),
    fc.record({
      value: fc.double({ min: 0, max: 1e9, noNaN: true }),
      unit: fc.constantFrom("g", "mg", "mcg", "kg", "kcal", "IU"),
    }),
  ),
);
const anyPortion = fc.record({
  nutri_facts: anyFacts,
  weight_in_grams: fc.option(fc.nat(10_000_000)),
  total_time: fc.option(fc.nat()),
}) as fc.Arbitrary<Portion>;
const isNear = (one: number | null, other: number | null) =>
  one === other ||
  (one !== null &&
    other !== null &&
    Math.abs(one - other) <= 1e-9 * Math.max(Math.abs(one), Math.abs(other)));

test("totals do not depend on the order of the recipes, nor on how they are put together", () => {
  fc.assert(
    fc.property(fc.array(anyPortion, { maxLength: 12 }), fc.nat(12), (portions, at) => {
      const { nutri_facts: _facts, ...whole } = totalsOf(portions);
      const { nutri_facts: _other, ...turned } = totalsOf(portions.toReversed());
      const parts = [totalsOf(portions.slice(0, at)), totalsOf(portions.slice(at))];
      const { nutri_facts: _third, ...joined } = totalsOf(parts);
      for (const [name, value] of Object.entries(whole)) {
        const key = name as keyof typeof whole;
        assert.ok(isNear(value, turned[key]), `${name}: ${value}, turned ${turned[key]}`);
        assert.ok(isNear(value, joined[key]), `${name}: ${value}, joined ${joined[key]}`);
      }
    }),
    { seed: testSeed(), numRuns: testSize(200, 3_000) },
  );
});

test("a meal of n times the same recipe has n times its amounts, and the same density and shares", () => {
  fc.assert(
    fc.property(anyPortion, fc.integer({ min: 1, max: 20 }), (recipe, count) => {
      const one = totalsOf([recipe]);
      const many = totalsOf(Array.from({ length: count }, () => recipe));
      for (const name of ["calories", "protein", "sodium", "weight_in_grams"] as const) {
        const wanted = one[name] === null ? null : one[name] * count;
        assert.ok(isNear(many[name], wanted), name);
      }
      for (const name of ["calorie_density", "protein_percentage", "total_time"] as const) {
        assert.ok(isNear(many[name], one[name]), name);
      }
    }),
    { seed: testSeed(), numRuns: testSize(200, 3_000) },
  );
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
