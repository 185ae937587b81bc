import { MEASURE_UNITS, type MeasureUnit } from "../../../platform/nutrition/nutrients.ts";
import { unitKind } from "../../../platform/nutrition/units.ts";
import {
  believed,
  inGrams,
  inLineUnit,
  lineUnit,
  rounded,
  sumOf,
  type Densities,
} from "./measures.ts";
import { atOnce, sortSteps, type Steps } from "../../../platform/turns.ts";
import { comparisonOf, uniqueNames, type ItemOrder, type ShoppingItem } from "./shopping-item.ts";

/** An ingredient of a recipe of a meal, once for every slot of the menus that the meal stands in. */
export interface PlacedIngredient {
  readonly name: string;
  readonly quantity: number;
  readonly unit: MeasureUnit;
  readonly productId: string | null;
  readonly mealName: string;
}

/** What a list needs to know of a product. */
export interface ShoppingProduct {
  readonly id: string;
  readonly name: string;
  readonly shopping_name: string | null;
  readonly store_department_name: string | null;
  readonly recommended_brands_and_products: string | null;
  readonly substitutes: string | null;
  readonly edible_yield: number | null;
  readonly cooking_factor: number | null;
  readonly kg_per_unit: number | null;
  readonly liters_per_kg: number | null;
}

/** Something that is at home already, as it is bought: raw, with peel and bone. */
export interface PantryEntry {
  readonly productId: string;
  readonly quantity: number;
  readonly unit: MeasureUnit;
}

export interface ShoppingListInput {
  readonly ingredients: readonly PlacedIngredient[];
  /** Those of the ingredients' products that are there. */
  readonly products: readonly ShoppingProduct[];
  readonly excludedProductIds?: readonly string[] | undefined;
  readonly pantry?: readonly PantryEntry[] | undefined;
  readonly orderBy: ItemOrder;
}

/** A difference so small, in parts of the whole, is what the arithmetic leaves. */
const NOTHING = 1e-9;

/**
 * What has to be bought for the ingredients, one line for each product and unit that its amounts
 * can be brought to. The outcome depends on what is asked for, not on the order it is given in.
 * @internal A server lists in steps.
 */
export function toShoppingList(input: ShoppingListInput): ShoppingItem[] {
  return atOnce(shoppingListSteps(input));
}

/** The same in steps: a list of all that is allowed takes longer than others should wait. */
export function* shoppingListSteps(input: ShoppingListInput): Steps<ShoppingItem[]> {
  const excluded = new Set(input.excludedProductIds);
  const products = new Map(input.products.map((product) => [product.id, product]));
  const pantry = groupBy(input.pantry ?? [], ({ productId }) => productId);
  const wanted = input.ingredients.filter(
    ({ productId }) => productId === null || !excluded.has(productId),
  );
  yield;
  // One odd row must not spoil the list: a unit that nobody knows is listed as it is.
  const isKnown = ({ productId, unit }: PlacedIngredient) =>
    productId !== null && products.has(productId) && MEASURE_UNITS.includes(unit);
  const items: ShoppingItem[] = [];
  for (const [id, ingredients] of groupBy(wanted.filter(isKnown), ({ productId }) => productId!)) {
    items.push(...linesOf(products.get(id)!, ingredients, pantry.get(id) ?? []));
    yield;
  }
  for (const parts of byNameAndUnit(wanted.filter((ingredient) => !isKnown(ingredient)))) {
    items.push(unmatchedLine(parts));
    yield;
  }
  return yield* sortSteps(items, comparisonOf(input.orderBy));
}

function linesOf(
  product: ShoppingProduct,
  ingredients: readonly PlacedIngredient[],
  pantry: readonly PantryEntry[],
): ShoppingItem[] {
  const hasWeights = ingredients.some(
    ({ unit }) => unitKind(unit) !== "volume" && inGrams(1, unit, product) !== undefined,
  );
  const lines = groupBy(ingredients, ({ unit }) => lineUnit(unit, product, hasWeights));
  return [...lines].flatMap(([unit, parts]) => {
    const inUnit = (one: { readonly quantity: number; readonly unit: MeasureUnit }) =>
      inLineUnit(one.quantity, one.unit, unit, product);
    const needed = sumOf(parts.map((part) => inUnit(part)!));
    const atHome = sumOf(pantry.map(inUnit).filter((amount) => amount !== undefined));
    const wanted = toBuy(needed, product);
    const missing = wanted - atHome;
    // What is at home in full needs no line; nothing else is ever left out.
    if (atHome > 0 && missing <= wanted * NOTHING) return [];
    return [
      {
        product_id: product.id,
        shopping_name: product.shopping_name ?? product.name,
        unit,
        quantity: rounded(missing),
        meals_names: uniqueNames(parts.map(({ mealName }) => mealName)),
        store_department_name: product.store_department_name,
        recommended_brands_and_products: product.recommended_brands_and_products,
        substitutes: product.substitutes,
      },
    ];
  });
}

/** Recipes say how much is eaten; the shop sells it raw, with what is not edible. */
function toBuy(eaten: number, product: ShoppingProduct): number {
  return eaten / (believed(product.cooking_factor) ?? 1) / (believed(product.edible_yield) ?? 1);
}

/** For one line each, however the name is capitalised. */
function byNameAndUnit(ingredients: readonly PlacedIngredient[]) {
  return groupBy(
    ingredients,
    ({ name, unit }) => `${unmatchedUnit(unit)}\n${name.normalize("NFC").trim().toLowerCase()}`,
  ).values();
}

function unmatchedLine(parts: readonly PlacedIngredient[]): ShoppingItem {
  const bought = unmatchedUnit(parts[0]!.unit);
  return {
    product_id: null,
    shopping_name: uniqueNames(parts.map(({ name }) => name.trim()))[0]!,
    unit: bought,
    quantity: rounded(
      sumOf(parts.map(({ quantity, unit }) => inLineUnit(quantity, unit, bought, UNKNOWN)!)),
    ),
    meals_names: uniqueNames(parts.map(({ mealName }) => mealName)),
    store_department_name: null,
    recommended_brands_and_products: null,
    substitutes: null,
  };
}

/** Nobody knows its density, but grams and kilograms of it are the same line all the same. */
const UNKNOWN: Densities = Object.freeze({ kg_per_unit: null, liters_per_kg: null });

function unmatchedUnit(unit: MeasureUnit): MeasureUnit {
  return MEASURE_UNITS.includes(unit) ? lineUnit(unit, UNKNOWN, false) : unit;
}

/** `Map.groupBy`, which Node 20 has not got. */
function groupBy<T, K>(values: readonly T[], keyOf: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
