import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { inGrams } from "../../../../src/contexts/recipes-catalog/shopping/measures.ts";
import {
  toShoppingList,
  type PantryEntry,
  type ShoppingListInput,
} from "../../../../src/contexts/recipes-catalog/shopping/shopping-list.ts";
import type { MeasureUnit } from "../../../../src/platform/nutrition/nutrients.ts";
import { unitKind } from "../../../../src/platform/nutrition/units.ts";
import { testSeed } from "../../../support/size.ts";
import { anyInput, byLine, IDS, isNear, list, of, product, quantity, unit } from "./any-list.ts";

/** Quantity and unit of each line. */
function amounts(input: Partial<ShoppingListInput>) {
  return list(input).map(({ quantity, unit }) => [quantity, unit]);
}

test("amounts of one product are brought to grams, whatever they were written in", () => {
  const products = [product("a", { kg_per_unit: 0.1, liters_per_kg: 2 })];
  const ingredients = [
    of("a", 1, "kg"),
    of("a", 500, "mg"),
    of("a", 2, "un"),
    of("a", 1, "xícara"),
    of("a", 1, "fatia"),
    of("a", 1, "pedaço"),
    of("a", 1, "pitada"),
    of("a", 1, "mão cheia"),
  ];
  assert.deepEqual(amounts({ ingredients, products }), [
    [1000 + 0.5 + 200 + 120 + 25 + 50 + 0.3 + 30, "g"],
  ]);
});

test("what is only measured by volume stays a volume, in millilitres", () => {
  const products = [product("a", { liters_per_kg: 0.97 })];
  const ingredients = [
    of("a", 1, "colher de sopa"),
    of("a", 2, "colher de chá"),
    of("a", 1, "l"),
    of("a", 1, "xícara"),
  ];
  assert.deepEqual(amounts({ ingredients, products }), [[15 + 10 + 1000 + 240, "ml"]]);
});

test("what cannot be converted stays a line of its own unit", () => {
  const ingredients = [
    of("a", 100, "g"),
    of("a", 50, "ml"),
    of("a", 2, "un"),
    of("a", 3, "percentual"),
    of("a", 200, "kcal"),
    of("a", 10, "IU"),
  ];
  for (const unknown of [{}, { kg_per_unit: 0, liters_per_kg: 0 }]) {
    assert.deepEqual(amounts({ ingredients, products: [product("a", unknown)] }), [
      [100, "g"],
      [10, "IU"],
      [200, "kcal"],
      [50, "ml"],
      [3, "percentual"],
      [2, "un"],
    ]);
  }
});

test("to buy is the amount eaten by the cooking factor and the edible yield", () => {
  const rice = { cooking_factor: 2.5 };
  const banana = { edible_yield: 0.5 };
  const bone = { cooking_factor: 0.8, edible_yield: 0.5 };
  const quantityWith = (factors: object) =>
    amounts({ ingredients: [of("a", 100, "g")], products: [product("a", factors)] })[0]![0];
  assert.equal(quantityWith(rice), 40);
  assert.equal(quantityWith(banana), 200);
  assert.equal(quantityWith(bone), 250);
  assert.equal(quantityWith({}), 100);
});

test("a factor that is zero or beyond belief is taken for unknown", () => {
  for (const cooking_factor of [0, 5e-324, 1e300]) {
    const products = [product("a", { cooking_factor })];
    assert.deepEqual(amounts({ ingredients: [of("a", 100, "g")], products }), [[100, "g"]]);
  }
});

test("a sum is the same in any order, down to the last digit that is shown", () => {
  // The factors raise what is lost in the last bit of a sum above the third decimal.
  const products = [product("a", { cooking_factor: 1e-6, edible_yield: 1e-6 })];
  const quantities = [1000.7, 2000.7, 3000.7];
  const ingredients = quantities.map((one) => of("a", one, "g"));
  assert.deepEqual(
    amounts({ ingredients, products }),
    amounts({ ingredients: ingredients.toReversed(), products }),
  );
});

test("what is at home is taken off what is bought, in any unit that leads to the line's", () => {
  const products = [product("a", { edible_yield: 0.5, kg_per_unit: 0.1, liters_per_kg: 2 })];
  const left = (unit: MeasureUnit, atHome: PantryEntry) =>
    amounts({ ingredients: [of("a", 500, unit)], products, pantry: [atHome] });
  assert.deepEqual(left("g", { productId: "a", quantity: 2, unit: "un" }), [[800, "g"]]);
  assert.deepEqual(left("g", { productId: "a", quantity: 100, unit: "ml" }), [[950, "g"]]);
  assert.deepEqual(left("ml", { productId: "a", quantity: 0.1, unit: "kg" }), [[800, "ml"]]);
  assert.deepEqual(left("ml", { productId: "a", quantity: 1, unit: "un" }), [[800, "ml"]]);
  assert.deepEqual(left("g", { productId: "b", quantity: 1, unit: "kg" }), [[1000, "g"]]);
  assert.deepEqual(left("g", { productId: "a", quantity: 1, unit: "kcal" }), [[1000, "g"]]);
});

test("what is at home in full is left out, also when the sum of parts is not exact", () => {
  const products = [product("a")];
  const entry = (quantity: number): PantryEntry => ({ productId: "a", quantity, unit: "g" });
  assert.deepEqual(
    amounts({ ingredients: [of("a", 0.3, "g")], products, pantry: [entry(0.1), entry(0.2)] }),
    [],
  );
  assert.deepEqual(amounts({ ingredients: [of("a", 3, "g")], products, pantry: [entry(50)] }), []);
});

test("an ingredient without a product, or whose product is gone, is listed by name, once for each kind of unit", () => {
  const ingredients = [
    of(null, 1, "xícara", { name: "Sal rosa" }),
    of("gone", 2, "xícara", { name: " sal rosa", mealName: "Dinner" }),
    of(null, 3, "g", { name: "Sal rosa" }),
    of(null, 1, "kg", { name: "SAL ROSA" }),
    of(null, 2, "un", { name: "Sal rosa" }),
    of(null, 0.0000012, "mcg", { name: "Açafrão" }),
  ];
  const items = list({ ingredients, products: [] });
  assert.deepEqual(
    items.map((item) => [item.product_id, item.shopping_name, item.quantity, item.unit]),
    [
      [null, "Açafrão", 1.2e-12, "g"],
      [null, "sal rosa", 720, "ml"],
      [null, "Sal rosa", 1003, "g"],
      [null, "Sal rosa", 2, "un"],
    ],
  );
  assert.deepEqual(items[1]!.meals_names, ["Dinner", "Lunch"]);
});

test("a meal in several slots counts as often; its name stands once, sorted", () => {
  const products = [product("a")];
  const ingredients = [
    of("a", 10, "g", { mealName: "Óleo" }),
    of("a", 10, "g", { mealName: "Pão" }),
    of("a", 10, "g", { mealName: "Óleo" }),
    of("a", 10, "g", { mealName: "ovos" }),
  ];
  const [item] = list({ ingredients, products });
  assert.equal(item!.quantity, 40);
  assert.deepEqual(item!.meals_names, ["Óleo", "ovos", "Pão"]);
});

test("excluded products are left out, whether they are there or gone", () => {
  const ingredients = [of("a", 1, "g"), of("gone", 1, "g"), of("b", 1, "g"), of(null, 1, "g")];
  const items = list({
    ingredients,
    products: [product("a"), product("b")],
    excludedProductIds: ["a", "gone"],
  });
  assert.deepEqual(
    items.map(({ product_id }) => product_id),
    ["b", null],
  );
});

test("lines stand by department with the unknown last, then by name and unit", () => {
  const products = [
    product("1", { store_department_name: "Padaria", shopping_name: "Pão" }),
    product("2", { store_department_name: "Açougue", shopping_name: "Óleo de peixe" }),
    product("3", { store_department_name: "Açougue", shopping_name: "nabo" }),
    product("4", { shopping_name: "Abacate" }),
  ];
  const ingredients = [
    ...products.map(({ id }) => of(id, 1, "g")),
    of("4", 2, "un"),
    of(null, 9, "g", { name: "Zinco" }),
  ];
  const names = (orderBy: ShoppingListInput["orderBy"]) =>
    list({ ingredients, products, orderBy }).map((item) => `${item.shopping_name} ${item.unit}`);
  const usual = ["nabo g", "Óleo de peixe g", "Pão g", "Abacate g", "Abacate un", "Zinco g"];
  assert.deepEqual(names("store_department_name"), usual);
  assert.deepEqual(names("store_departament_name"), usual);
  assert.deepEqual(names("shopping_name"), [
    "Abacate g",
    "Abacate un",
    "nabo g",
    "Óleo de peixe g",
    "Pão g",
    "Zinco g",
  ]);
  assert.equal(names("quantity").at(-1), "Zinco g");
});

test("the order of what is asked for makes no difference, byte for byte", () => {
  fc.assert(
    fc.property(anyInput, fc.infiniteStream(fc.nat()), (input, numbers) => {
      const shuffled = <T>(values: readonly T[]) =>
        values
          .map((value) => [numbers.next().value, value] as const)
          .toSorted(([a], [b]) => a - b)
          .map(([, value]) => value);
      const other = {
        ...input,
        ingredients: shuffled(input.ingredients),
        products: shuffled(input.products),
        pantry: shuffled(input.pantry ?? []),
      };
      assert.equal(
        JSON.stringify(toShoppingList(other)),
        JSON.stringify(toShoppingList(structuredClone(input))),
      );
    }),
    { seed: testSeed() },
  );
});

test("an ingredient written as two parts is the same list", () => {
  fc.assert(
    fc.property(
      anyInput,
      fc.nat(),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      (all, at, share) => {
        const input = { ...all, pantry: [] };
        const whole = input.ingredients[at % Math.max(1, input.ingredients.length)];
        if (whole === undefined) return;
        const parts = [share, 1 - share].map((part) => ({
          ...whole,
          quantity: whole.quantity * part,
        }));
        const rest = input.ingredients.filter((one) => one !== whole);
        const split = byLine({ ...input, ingredients: [...rest, ...parts] });
        const before = byLine(input);
        assert.deepEqual([...split.keys()].toSorted(), [...before.keys()].toSorted());
        for (const [key, item] of before) {
          assert.ok(isNear(item.quantity, split.get(key)!.quantity), key);
        }
      },
    ),
    { seed: testSeed() },
  );
});

test("more at home never means more to buy, nor a negative amount", () => {
  fc.assert(
    fc.property(anyInput, fc.constantFrom(...IDS), quantity, unit, (input, productId, more, of) => {
      const before = byLine(input);
      const pantry = [...(input.pantry ?? []), { productId, quantity: more, unit: of }];
      for (const [key, item] of byLine({ ...input, pantry })) {
        assert.ok(item.quantity > 0);
        assert.ok(item.quantity <= before.get(key)!.quantity);
      }
    }),
    { seed: testSeed() },
  );
});

test("without a pantry every ingredient is on the list, with its meal", () => {
  fc.assert(
    fc.property(anyInput, (all) => {
      const items = toShoppingList({ ...all, pantry: [] });
      const products = new Map(all.products.map((one) => [one.id, one]));
      for (const ingredient of all.ingredients) {
        const known = products.get(ingredient.productId ?? "");
        const found = items.some(
          (item) =>
            item.product_id === (known?.id ?? null) &&
            item.meals_names.includes(ingredient.mealName) &&
            (known !== undefined ||
              (unitKind(item.unit as MeasureUnit) === unitKind(ingredient.unit) &&
                item.shopping_name.toLowerCase() === ingredient.name.toLowerCase())),
        );
        assert.ok(found, JSON.stringify(ingredient));
      }
    }),
    { seed: testSeed() },
  );
});

test("the lines of a product hold what its ingredients sum up to", () => {
  fc.assert(
    fc.property(anyInput, (all) => {
      const items = toShoppingList({ ...all, pantry: [] });
      for (const one of all.products) {
        const parts = all.ingredients.filter(({ productId }) => productId === one.id);
        const grams = parts.map((part) => inGrams(part.quantity, part.unit, one));
        if (grams.includes(undefined)) continue;
        const lines = items.filter((item) => item.product_id === one.id);
        assert.ok(lines.length <= 1);
        const eaten = grams.reduce<number>((sum, part) => sum + part!, 0);
        const bought = lines.reduce(
          (sum, line) => sum + inGrams(line.quantity, line.unit as MeasureUnit, one)!,
          0,
        );
        const toBuy = eaten / (one.cooking_factor || 1) / (one.edible_yield || 1);
        assert.ok(isNear(bought, toBuy));
      }
    }),
    { seed: testSeed() },
  );
});
