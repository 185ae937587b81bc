import fc from "fast-check";
import {
  toShoppingList,
  type PlacedIngredient,
  type ShoppingListInput,
  type ShoppingProduct,
} from "../../../../src/contexts/recipes-catalog/shopping/shopping-list.ts";
import { ITEM_ORDERS } from "../../../../src/contexts/recipes-catalog/shopping/shopping-item.ts";
import { MEASURE_UNITS, type MeasureUnit } from "../../../../src/platform/nutrition/nutrients.ts";

/** A product of which nothing is known but what is said. */
export function product(id: string, changes: Partial<ShoppingProduct> = {}): ShoppingProduct {
  return {
    id,
    name: `Product ${id}`,
    shopping_name: null,
    store_department_name: null,
    recommended_brands_and_products: null,
    substitutes: null,
    edible_yield: null,
    cooking_factor: null,
    kg_per_unit: null,
    liters_per_kg: null,
    ...changes,
  };
}

export function of(
  productId: string | null,
  amount: number,
  inUnit: MeasureUnit,
  more: Partial<PlacedIngredient> = {},
): PlacedIngredient {
  const ingredient = { name: "Something", quantity: amount, unit: inUnit, productId };
  return { ...ingredient, mealName: "Lunch", ...more };
}

export function list(input: Partial<ShoppingListInput>) {
  const orderBy = "store_department_name" as const;
  return toShoppingList({ ingredients: [], products: [], orderBy, ...input });
}

/** Three products that are there, and one that is gone. */
export const IDS = ["a", "b", "c", "gone"];
const factor = fc.oneof(
  fc.constant(null),
  fc.constant(0),
  fc.double({ min: 0.01, max: 5, noNaN: true }),
);
const anyProducts = fc
  .tuple(
    ...IDS.slice(0, 3).map((id) =>
      fc.tuple(fc.constant(id), fc.tuple(factor, factor, factor, factor)),
    ),
  )
  .map((all) =>
    all.map(([id, [cooking_factor, kg_per_unit, liters_per_kg, edible_yield]]) =>
      product(id, { cooking_factor, kg_per_unit, liters_per_kg, edible_yield }),
    ),
  );
export const quantity = fc.double({ min: 0.001, max: 10_000, noNaN: true });
export const unit = fc.constantFrom(...MEASURE_UNITS);
export const anyIngredient: fc.Arbitrary<PlacedIngredient> = fc.record({
  name: fc.constantFrom("Sal", "sal", "Ovo", "Pão"),
  quantity,
  unit,
  productId: fc.constantFrom(...IDS, null),
  mealName: fc.constantFrom("Almoço", "Jantar", "Lanche"),
});
export const anyInput: fc.Arbitrary<ShoppingListInput> = fc.record({
  ingredients: fc.array(anyIngredient, { maxLength: 30 }),
  products: anyProducts,
  pantry: fc.array(fc.record({ productId: fc.constantFrom(...IDS), quantity, unit }), {
    maxLength: 6,
  }),
  orderBy: fc.constantFrom(...ITEM_ORDERS),
});

/** The lines of a list by product, or name, and unit. */
export const byLine = (input: ShoppingListInput) =>
  new Map(
    toShoppingList(input).map((item) => [
      `${item.product_id ?? item.shopping_name.toLowerCase()}\n${item.unit}`,
      item,
    ]),
  );

export const isNear = (a: number, b: number, scale = Math.max(a, b)) =>
  Math.abs(a - b) <= 1e-5 * scale + 1e-9;
