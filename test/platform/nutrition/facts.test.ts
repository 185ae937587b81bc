import assert from "node:assert/strict";
import { test } from "node:test";
import {
  macroDivision,
  readNutriFacts,
  sumNutriFacts,
} from "../../../src/platform/nutrition/facts.ts";
import { convert } from "../../../src/platform/nutrition/units.ts";

test("a number is in the default unit, and a value keeps its own", () => {
  const facts = readNutriFacts({
    sodium: { value: 2, unit: "g" },
    calories: 76,
    protein: { value: 4.8 },
    sugar: { unit: "mg" },
    iron: null,
    zinc: -0,
  });
  assert.deepEqual(facts, {
    calories: { value: 76, unit: "kcal" },
    protein: { value: 4.8, unit: "g" },
    sodium: { value: 2, unit: "g" },
    sugar: { value: 0, unit: "mg" },
    zinc: { value: 0, unit: "mg" },
  });
  assert.ok(Object.is(facts.zinc?.value, 0));
});

test("sums convert units of one kind, and leave out what cannot be converted", () => {
  const sum = sumNutriFacts([
    { sodium: { value: 2, unit: "g" }, calories: { value: 100, unit: "kcal" } },
    null,
    { sodium: { value: 500, unit: "mg" }, iron: { value: 1, unit: "mg" } },
    { calories: { value: 5, unit: "g" } },
  ]);
  assert.deepEqual(sum, {
    calories: { value: 100, unit: "kcal" },
    sodium: { value: 2.5, unit: "g" },
    iron: { value: 1, unit: "mg" },
  });
  assert.equal(sumNutriFacts([null]), null);
  assert.equal(sumNutriFacts([]), null);
});

test("an amount in a unit that says nothing of the nutrient hides no other, wherever it stands", () => {
  const odd = { vitamin_a: { value: 0, unit: "mcg" }, calories: { value: 1, unit: "un" } } as const;
  const good = {
    vitamin_a: { value: 900, unit: "IU" },
    calories: { value: 500, unit: "kcal" },
  } as const;
  assert.deepEqual(sumNutriFacts([odd, good]), good);
  assert.deepEqual(sumNutriFacts([good, odd]), good);
  assert.deepEqual(sumNutriFacts([odd]), odd);
});

test("shares are of grams, density of 100 g, and what is not known is null", () => {
  const facts = readNutriFacts({
    calories: 500,
    carbohydrate: 60,
    protein: { value: 20_000, unit: "mg" },
    total_fat: 20,
  });
  assert.deepEqual(macroDivision(facts, 200), {
    calorieDensity: 250,
    carboPercentage: 60,
    proteinPercentage: 20,
    totalFatPercentage: 20,
  });
  const none = { carboPercentage: null, proteinPercentage: null, totalFatPercentage: null };
  assert.deepEqual(macroDivision(null, 200), { calorieDensity: null, ...none });
  assert.equal(macroDivision(facts, 0).calorieDensity, null);
  assert.equal(macroDivision(facts, null).calorieDensity, null);
});

test("household measures are fixed amounts, and nothing converts between kinds", () => {
  assert.equal(convert(2, "xícara", "ml"), 480);
  assert.equal(convert(1, "colher de sopa", "colher de chá"), 3);
  assert.equal(convert(3, "fatia", "g"), 75);
  assert.equal(convert(1, "kg", "mg"), 1e6);
  assert.equal(convert(1, "g", "ml"), undefined);
  assert.equal(convert(1, "un", "g"), undefined);
  assert.equal(convert(1, "un", "un"), 1);
});
