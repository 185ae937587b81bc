import { mealLimits } from "../../platform/limits.ts";
import { viewNutriFacts, type NutriFacts } from "../../platform/nutrition/facts.ts";
import type { Privacy } from "./recipe.ts";

/** A recipe as `store-recipes.ts` reads it. Instants are ISO 8601 text. */
export interface RecipeRow {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly version: number;
  readonly discarded: boolean;
  readonly tenant_id: string;
  readonly name: string;
  readonly instructions: string;
  readonly author_id: string;
  readonly meal_id: string;
  /** JSON text, as `tags`, `ratings` and `nutri_facts` are. */
  readonly ingredients: string;
  readonly description: string | null;
  readonly utensils: string | null;
  readonly total_time: number | null;
  readonly notes: string | null;
  readonly tags: string;
  readonly privacy: Privacy;
  readonly ratings: string;
  /** The nutrients that are given, in their units. */
  readonly nutri_facts: string | null;
  readonly weight_in_grams: number | null;
  readonly image_url: string | null;
  readonly average_taste_rating: number | null;
  readonly average_convenience_rating: number | null;
}

/**
 * The JSON text of a recipe, fields in the order of the contract. Put together from text: 83
 * nutrients as objects would cost more than the rest of the request.
 */
export function recipeJson(row: RecipeRow): string {
  const head = JSON.stringify({
    id: row.id,
    created_at: row.created_at,
    updated_at: row.updated_at,
    version: row.version,
    discarded: row.discarded,
    name: row.name,
    instructions: row.instructions,
    author_id: row.author_id,
    meal_id: row.meal_id,
  });
  const middle = JSON.stringify({
    description: row.description,
    utensils: row.utensils,
    total_time: row.total_time,
    notes: row.notes,
  });
  const tail = JSON.stringify({
    weight_in_grams: row.weight_in_grams,
    image_url: row.image_url,
    average_taste_rating: row.average_taste_rating,
    average_convenience_rating: row.average_convenience_rating,
  });
  return (
    `${head.slice(0, -1)},"ingredients":${row.ingredients},${middle.slice(1, -1)},` +
    `"tags":${row.tags},"privacy":"${row.privacy}","ratings":${row.ratings},` +
    `"nutri_facts":${factsJson(row.nutri_facts)},${tail.slice(1)}`
  );
}

// Lists show the same facts over and over; the text depends on nothing but its key.
const written = new Map<string, string>();

/** The JSON text of all 83 nutrients, from the text of those that are given. */
export function factsJson(facts: string | null): string {
  if (facts === null) return "null";
  let json = written.get(facts);
  if (json === undefined) {
    json = JSON.stringify(viewNutriFacts(JSON.parse(facts) as NutriFacts));
    if (written.size >= mealLimits.nutriFactsTextsMax) written.clear();
    written.set(facts, json);
  }
  return json;
}
