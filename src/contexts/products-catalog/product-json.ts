import { nutriFactsJson } from "./nutri-facts.ts";
import type { MeasureUnit } from "../../platform/nutrition/nutrients.ts";
import { ACCEPTANCE_LINE_JSON } from "./votes.ts";

/** A product as `store.ts` reads it. Instants are ISO 8601 text. */
export interface ProductRow {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly version: number;
  readonly discarded: boolean;
  readonly source_id: string;
  readonly name: string;
  readonly is_food: boolean | null;
  readonly shopping_name: string | null;
  readonly store_department_name: string | null;
  readonly recommended_brands_and_products: string | null;
  readonly edible_yield: number | null;
  readonly kg_per_unit: number | null;
  readonly liters_per_kg: number | null;
  readonly nutrition_group: string | null;
  readonly cooking_factor: number | null;
  readonly conservation_days: number | null;
  readonly substitutes: string | null;
  readonly barcode: string | null;
  readonly brand_id: string | null;
  readonly category_id: string | null;
  readonly parent_category_id: string | null;
  readonly final_score: number | null;
  readonly ingredients_score: number | null;
  readonly nutrients_score: number | null;
  readonly food_group_id: string | null;
  readonly process_type_id: string | null;
  /** The 83 amounts, comma separated, empty where not given. */
  readonly amounts: string;
  /** Null: the product has no nutrition facts. */
  readonly nutrient_units: Readonly<Record<string, MeasureUnit>> | null;
  readonly ingredients: string | null;
  readonly package_size: number | null;
  readonly package_size_unit: string | null;
  readonly image_url: string | null;
  readonly json_data: string | null;
  /** JSON text `"is_food_houses":[…],"is_not_food_houses":[…]`; null: nobody voted. */
  readonly votes: string | null;
  readonly is_food_houses_choice: boolean | null;
}

const NO_VOTES = '"is_food_houses":[],"is_not_food_houses":[]';

/**
 * The JSON text of a product, fields in the order of the contract. Put together from text: 83
 * nutrients as objects would cost more than the rest of the request.
 */
export function productJson(row: ProductRow): string {
  const head = JSON.stringify({
    id: row.id,
    created_at: row.created_at,
    updated_at: row.updated_at,
    version: row.version,
    discarded: row.discarded,
    source_id: row.source_id,
    name: row.name,
    is_food: row.is_food,
    shopping_name: row.shopping_name,
    store_department_name: row.store_department_name,
    recommended_brands_and_products: row.recommended_brands_and_products,
    edible_yield: row.edible_yield ?? 1,
    kg_per_unit: row.kg_per_unit,
    liters_per_kg: row.liters_per_kg,
    nutrition_group: row.nutrition_group,
    cooking_factor: row.cooking_factor,
    conservation_days: row.conservation_days,
    substitutes: row.substitutes,
    barcode: row.barcode,
    brand_id: row.brand_id,
    category_id: row.category_id,
    parent_category_id: row.parent_category_id,
    score: scoreOf(row),
    food_group_id: row.food_group_id,
    process_type_id: row.process_type_id,
  });
  const tail = JSON.stringify({
    ingredients: row.ingredients,
    package_size: row.package_size,
    package_size_unit: row.package_size_unit,
    image_url: row.image_url,
    json_data: row.json_data,
  });
  const facts =
    row.nutrient_units === null ? "null" : nutriFactsJson(row.amounts, row.nutrient_units);
  return (
    `${head.slice(0, -1)},"nutri_facts":${facts},${tail.slice(1, -1)},` +
    `"is_food_votes":{"acceptance_line":${ACCEPTANCE_LINE_JSON},${row.votes ?? NO_VOTES}},` +
    `"is_food_houses_choice":${row.is_food_houses_choice}}`
  );
}

function scoreOf(row: ProductRow) {
  const { final_score: final, ingredients_score: ingredients, nutrients_score: nutrients } = row;
  const isEmpty = final === null && ingredients === null && nutrients === null;
  return isEmpty ? null : { final, ingredients, nutrients };
}
