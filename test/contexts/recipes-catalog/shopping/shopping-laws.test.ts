import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { inGrams } from "../../../../src/contexts/recipes-catalog/shopping/measures.ts";
import {
  ITEM_ORDERS,
  sortItems,
  type ShoppingItem,
} from "../../../../src/contexts/recipes-catalog/shopping/shopping-item.ts";
import {
  toShoppingList,
  type ShoppingListInput,
} from "../../../../src/contexts/recipes-catalog/shopping/shopping-list.ts";
import type { MeasureUnit } from "../../../../src/platform/nutrition/nutrients.ts";
import { drawShoppingList } from "../../../../src/platform/documents/shopping-list-document.ts";
import { testSeed, testSize } from "../../../support/size.ts";
import { anyIngredient, anyInput, byLine, IDS, isNear, list, of, product } from "./any-list.ts";

const runs = { seed: testSeed(), numRuns: testSize(150, 3_000) };

/** What is bought of each thing, brought to grams where something leads there. */
function amountsOf(items: readonly ShoppingItem[], { products }: ShoppingListInput) {
  const known = new Map(products.map((one) => [one.id, one]));
  const sums = new Map<string, number>();
  for (const { product_id: id, shopping_name: name, unit, quantity } of items) {
    const found = id === null ? undefined : known.get(id);
    const grams = found && inGrams(quantity, unit as MeasureUnit, found);
    const key = `${id ?? name.toLowerCase()} ${grams === undefined ? unit : "g"}`;
    sums.set(key, (sums.get(key) ?? 0) + (grams ?? quantity));
  }
  return sums;
}

/** Which meals each thing is bought for. */
function mealsOf(items: readonly ShoppingItem[]) {
  const meals = new Map<string, Set<string>>();
  for (const { product_id: id, shopping_name: name, meals_names: names } of items) {
    const key = id ?? name.toLowerCase();
    meals.set(key, new Set([...(meals.get(key) ?? []), ...names]));
  }
  return meals;
}

function assertSame(found: Map<string, number>, wanted: Map<string, number>) {
  assert.deepEqual([...found.keys()].toSorted(), [...wanted.keys()].toSorted());
  for (const [key, amount] of wanted) {
    assert.ok(isNear(found.get(key)!, amount), `${key}: ${found.get(key)} for ${amount}`);
  }
}

test("the list of two menus is the sum of their lists, with the meals of both", () => {
  fc.assert(
    fc.property(anyInput, fc.array(anyIngredient, { maxLength: 30 }), (all, others) => {
      const one = { ...all, pantry: [] };
      const other = { ...one, ingredients: others };
      const both = { ...one, ingredients: [...one.ingredients, ...others] };
      const parts = [...toShoppingList(one), ...toShoppingList(other)];
      const items = toShoppingList(both);
      assertSame(amountsOf(items, both), amountsOf(parts, both));
      assert.deepEqual(mealsOf(items), mealsOf(parts));
    }),
    runs,
  );
});

test("many times the amounts, with as many times at home, is as many times the list", () => {
  fc.assert(
    fc.property(anyInput, fc.double({ min: 0.01, max: 100, noNaN: true }), (input, times) => {
      const scaled = <T extends { readonly quantity: number }>(one: T) => ({
        ...one,
        quantity: one.quantity * times,
      });
      const large = byLine({
        ...input,
        ingredients: input.ingredients.map(scaled),
        pantry: input.pantry!.map(scaled),
      });
      for (const [key, { quantity }] of byLine(input)) {
        const found = large.get(key)?.quantity ?? 0;
        // What is nearly covered by the pantry is the difference of two large numbers.
        assert.ok(Math.abs(found - quantity * times) <= 0.001 * (times + 1) + found * 1e-4, key);
      }
    }),
    runs,
  );
});

test("a meal in n slots is n times in the list, under one name", () => {
  fc.assert(
    fc.property(anyInput, fc.integer({ min: 1, max: 12 }), (all, slots) => {
      const input = { ...all, pantry: [] };
      const repeated = Array.from({ length: slots }, () => input.ingredients).flat();
      const once = byLine(input);
      const often = byLine({ ...input, ingredients: repeated });
      assert.deepEqual([...often.keys()].toSorted(), [...once.keys()].toSorted());
      for (const [key, item] of once) {
        assert.ok(isNear(often.get(key)!.quantity, item.quantity * slots), key);
        assert.deepEqual(often.get(key)!.meals_names, item.meals_names);
      }
    }),
    runs,
  );
});

test("excluded products take their own lines away and touch no other", () => {
  fc.assert(
    fc.property(anyInput, fc.subarray(IDS), (input, excludedProductIds) => {
      const ingredients = input.ingredients.filter(
        ({ productId }) => productId === null || !excludedProductIds.includes(productId),
      );
      assert.deepEqual(
        toShoppingList({ ...input, excludedProductIds }),
        toShoppingList({ ...input, ingredients }),
      );
    }),
    runs,
  );
});

test("what is bought and what is at home are together what is needed, or more", () => {
  const amount = fc.double({ min: 0.01, max: 1_000, noNaN: true });
  const factor = fc.double({ min: 0.05, max: 5, noNaN: true });
  fc.assert(
    fc.property(amount, amount, factor, factor, (eaten, atHome, cooking_factor, edible_yield) => {
      const products = [product("a", { cooking_factor, edible_yield })];
      const pantry = [{ productId: "a", quantity: atHome, unit: "g" as const }];
      const [line] = list({ ingredients: [of("a", eaten, "g")], products, pantry });
      const needed = eaten / cooking_factor / edible_yield;
      assert.ok(isNear(line?.quantity ?? 0, Math.max(0, needed - atHome), needed + 1));
    }),
    runs,
  );
});

// Few of each, so that many are equal in all but one thing.
const text = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom("a", "A", "á", "e\u0301", "é", "10 g", "9 g") },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 3 }) },
);
const anyItem: fc.Arbitrary<ShoppingItem> = fc.record({
  product_id: fc.option(fc.constantFrom(...IDS)),
  shopping_name: text,
  unit: fc.constantFrom("g", "ml"),
  quantity: fc.constantFrom(0, 2.5),
  meals_names: fc.array(text, { maxLength: 2 }),
  store_department_name: fc.option(text),
  recommended_brands_and_products: fc.option(text),
  substitutes: fc.option(text),
});

test("items have one order: whatever they are given in, null last, the usual order between equals", () => {
  fc.assert(
    fc.property(
      fc.array(anyItem, { maxLength: 20 }),
      fc.constantFrom(...ITEM_ORDERS),
      (items, orderBy) => {
        const sorted = sortItems(items, orderBy);
        assert.deepEqual(sortItems(sorted, orderBy), sorted);
        const told = JSON.stringify(sorted);
        assert.equal(JSON.stringify(sortItems(items.toReversed(), orderBy)), told);
        const field = orderBy.replace("departament", "department") as keyof ShoppingItem;
        const values = sorted.map((item) => item[field]);
        if (field !== "meals_names") {
          const isNull = values.map((value) => value === null);
          assert.deepEqual(
            isNull,
            isNull.toSorted((a, b) => Number(a) - Number(b)),
          );
        }
        // Nothing is lost, nothing is made up.
        assert.deepEqual(new Set(sorted), new Set(items));
        const usual = sortItems(items, "store_department_name");
        for (const value of new Set(values)) {
          if (field === "meals_names") break;
          const equals = (item: ShoppingItem) => item[field] === value;
          assert.deepEqual(sorted.filter(equals), usual.filter(equals));
        }
      },
    ),
    runs,
  );
});

// The machine's language, zone and start differ; what is computed and drawn does not.
const SCRIPT = `
  import { createHash } from "node:crypto";
  import { toShoppingList } from "${new URL("../../../../src/contexts/recipes-catalog/shopping/shopping-list.ts", import.meta.url).href}";
  import { drawShoppingList } from "${new URL("../../../../src/platform/documents/shopping-list-document.ts", import.meta.url).href}";
  const { input, document } = JSON.parse(process.argv[1]);
  const list = JSON.stringify(toShoppingList(input));
  const pdf = createHash("sha256").update(await drawShoppingList(document)).digest("hex");
  console.log(JSON.stringify({ list, pdf }));
`;

test("another process in another language and zone makes the same bytes", async () => {
  const departments = ["Açougue", "padaria", "Zona", null, "ämne"];
  const products = departments.map((store_department_name, index) =>
    product(`${index}`, { store_department_name, shopping_name: `item ${10 - index}` }),
  );
  const ingredients = products.flatMap(({ id }, index) => [
    of(id, 0.1 * (index + 1), "g"),
    of(id, 1 / 3, "kg", { mealName: "Ágape" }),
    of(null, 1, "xícara", { name: `Óleo ${index}` }),
  ]);
  const input = { ingredients, products, orderBy: "store_department_name" as const };
  const lines = toShoppingList(input).map((item) => ({
    name: item.shopping_name,
    quantity: item.quantity * 1_000,
    unit: item.unit,
    department: item.store_department_name,
    meals: item.meals_names,
    brands: null,
    substitutes: null,
    isChecked: false,
  }));
  const document = { language: "pt-BR" as const, createdAt: "2026-03-09T23:30:00.000Z", lines };
  const run = promisify(execFile);
  const outputs = await Promise.all(
    [
      { TZ: "Asia/Tokyo", LANG: "sv_SE.UTF-8", LC_ALL: "sv_SE.UTF-8" },
      { TZ: "America/Sao_Paulo", LANG: "C", LC_ALL: "C" },
    ].map(async (env) => {
      const words = ["--import", "tsx", "--input-type=module", "-e", SCRIPT];
      const { stdout } = await run(
        process.execPath,
        [...words, JSON.stringify({ input, document })],
        {
          env: { PATH: process.env["PATH"]!, ...env },
          cwd: fileURLToPath(new URL("../../../..", import.meta.url)),
        },
      );
      return JSON.parse(stdout) as { list: string; pdf: string };
    }),
  );
  assert.deepEqual(outputs[0], outputs[1]);
  assert.equal(outputs[0]!.list, JSON.stringify(toShoppingList(input)));
  const here = createHash("sha256")
    .update(await drawShoppingList(document))
    .digest("hex");
  assert.equal(outputs[0]!.pdf, here);
});
