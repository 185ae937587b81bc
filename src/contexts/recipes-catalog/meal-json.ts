import { factsJson, recipeJson, type RecipeRow } from "./recipe-json.ts";

/** A meal as `store-meals.ts` reads it. Instants are ISO 8601 text. */
export interface MealRow {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly version: number;
  readonly discarded: boolean;
  readonly tenant_id: string;
  readonly name: string;
  readonly author_id: string;
  readonly menu_id: string | null;
  /** JSON text, as `nutri_facts` is. */
  readonly tags: string;
  readonly description: string | null;
  readonly notes: string | null;
  readonly like: boolean | null;
  readonly image_url: string | null;
  readonly nutri_facts: string | null;
  readonly weight_in_grams: number;
  readonly calorie_density: number | null;
  readonly carbo_percentage: number | null;
  readonly protein_percentage: number | null;
  readonly total_fat_percentage: number | null;
}

/** The JSON text of a meal with its recipes, fields in the order of the contract. */
export function mealJson(row: MealRow, recipes: readonly RecipeRow[]): string {
  const head = JSON.stringify({
    id: row.id,
    created_at: row.created_at,
    updated_at: row.updated_at,
    version: row.version,
    discarded: row.discarded,
    name: row.name,
    author_id: row.author_id,
    menu_id: row.menu_id,
  });
  const middle = JSON.stringify({
    description: row.description,
    notes: row.notes,
    like: row.like,
    image_url: row.image_url,
  });
  const tail = JSON.stringify({
    weight_in_grams: row.weight_in_grams,
    calorie_density: row.calorie_density,
    carbo_percentage: row.carbo_percentage,
    protein_percentage: row.protein_percentage,
    total_fat_percentage: row.total_fat_percentage,
  });
  return (
    `${head.slice(0, -1)},"recipes":[${recipes.map(recipeJson).join(",")}],"tags":${row.tags},` +
    `${middle.slice(1, -1)},"nutri_facts":${factsJson(row.nutri_facts)},${tail.slice(1)}`
  );
}
