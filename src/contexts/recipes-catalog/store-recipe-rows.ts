import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { prepareName } from "../../platform/name-preparation.ts";
import type { MealOf, Recipe } from "./recipe.ts";
import { derivedOf } from "./totals.ts";

/** A recipe under its id. */
export type IdentifiedRecipe = Recipe & { readonly id: string };

/** The written columns of a recipe, in the order of `WRITTEN_VALUES`. */
const WRITTEN = sql`name, prepared_name, instructions, description, utensils, total_time, notes,
  privacy, image_url, weight_in_grams, nutri_facts, calorie_density, carbo_percentage,
  protein_percentage, total_fat_percentage, calories, protein, carbohydrate, total_fat,
  saturated_fat, trans_fat, dietary_fiber, sugar, sodium`;
const WRITTEN_VALUES = sql`v.name, v.prepared_name, v.instructions, v.description, v.utensils,
  v.total_time, v.notes, v.privacy, v.image_url, v.weight_in_grams, v.nutri_facts,
  v.calorie_density, v.carbo_percentage, v.protein_percentage, v.total_fat_percentage,
  v.calories, v.protein, v.carbohydrate, v.total_fat, v.saturated_fat, v.trans_fat,
  v.dietary_fiber, v.sugar, v.sodium`;

/** Recipes as a table `v`: one parameter, however many there are. */
function rowsOf(recipes: readonly IdentifiedRecipe[], now: Date) {
  const rows = recipes.map(({ ingredients: _ingredients, ...recipe }, index) => ({
    ...recipe,
    ...derivedOf(recipe.nutri_facts, recipe.weight_in_grams),
    prepared_name: prepareName(recipe.name),
    // Recipes of one request keep their order.
    written_at: new Date(now.getTime() + index).toISOString(),
  }));
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as v (
    id uuid, name text, prepared_name text, instructions text, description text, utensils text,
    total_time integer, notes text, privacy text, image_url text, weight_in_grams integer,
    nutri_facts jsonb, calorie_density float8, carbo_percentage float8,
    protein_percentage float8, total_fat_percentage float8, calories float8, protein float8,
    carbohydrate float8, total_fat float8, saturated_fat float8, trans_fat float8,
    dietary_fiber float8, sugar float8, sodium float8, written_at timestamptz)`;
}

/** Adds recipes to a meal that the transaction has locked. */
export async function insertRecipes(
  tx: Transaction,
  meal: MealOf,
  recipes: readonly IdentifiedRecipe[],
  now: Date,
): Promise<void> {
  if (recipes.length === 0) return;
  await tx.query(sql`
    insert into recipes_catalog.recipes
      (id, tenant_id, author_id, meal_id, created_at, updated_at, ${WRITTEN})
    select v.id, ${meal.tenantId}::uuid, ${meal.authorId}::uuid, ${meal.id}::uuid,
           v.written_at, v.written_at, ${WRITTEN_VALUES}
      from ${rowsOf(recipes, now)}`);
  await insertIngredients(tx, recipes);
}

/** Writes recipes anew, each under its next version. */
export async function updateRecipes(
  tx: Transaction,
  recipes: readonly IdentifiedRecipe[],
  now: Date,
): Promise<void> {
  if (recipes.length === 0) return;
  await tx.query(sql`
    update recipes_catalog.recipes r
       set (version, updated_at, ${WRITTEN}) = row(r.version + 1, v.written_at, ${WRITTEN_VALUES})
      from ${rowsOf(recipes, now)}
     where r.id = v.id`);
  const ids = recipes.map(({ id }) => id);
  await tx.query(sql`
    delete from recipes_catalog.ingredients where recipe_id = any(${ids}::uuid[])`);
  await insertIngredients(tx, recipes);
}

async function insertIngredients(tx: Transaction, recipes: readonly IdentifiedRecipe[]) {
  const lines = recipes.flatMap(({ id, ingredients }) =>
    ingredients.map((ingredient) => ({ ...ingredient, recipe_id: id })),
  );
  if (lines.length === 0) return;
  await tx.query(sql`
    insert into recipes_catalog.ingredients
      (recipe_id, position, name, quantity, unit, full_text, product_id)
    select v.recipe_id, v.position, v.name, v.quantity, v.unit, v.full_text, v.product_id
      from jsonb_to_recordset(${JSON.stringify(lines)}::jsonb) as v (
        recipe_id uuid, position smallint, name text, quantity float8, unit text,
        full_text text, product_id uuid)`);
}

/** Marks recipes as discarded. Their tags stay: other parents may share them. */
export async function discardRecipes(
  tx: Transaction,
  ids: readonly string[],
  now: Date,
): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(sql`
    update recipes_catalog.recipes
       set discarded = true, version = version + 1, updated_at = ${now}
     where id = any(${ids}::uuid[]) and not discarded`);
}

/**
 * Copies recipes with their ingredients into a meal: new ids, the meal's author, private, without
 * ratings. @param pairs old and new ids
 */
export async function copyRecipeRows(
  tx: Transaction,
  meal: MealOf,
  pairs: readonly { readonly from: string; readonly to: string }[],
  now: Date,
): Promise<void> {
  if (pairs.length === 0) return;
  const from = pairs.map((pair) => pair.from);
  const to = pairs.map((pair) => pair.to);
  const source = sql`unnest(${from}::uuid[], ${to}::uuid[]) with ordinality
    as p (old_id, new_id, place) join recipes_catalog.recipes v on v.id = p.old_id`;
  await tx.query(sql`
    insert into recipes_catalog.recipes
      (id, tenant_id, author_id, meal_id, created_at, updated_at, ${WRITTEN})
    select p.new_id, ${meal.tenantId}::uuid, ${meal.authorId}::uuid, ${meal.id}::uuid,
           c.at, c.at, ${WRITTEN_VALUES}
      from ${source}
     cross join lateral (select ${now}::timestamptz + p.place * interval '1 ms' as at) c`);
  await tx.query(sql`
    update recipes_catalog.recipes set privacy = 'private'
     where id = any(${to}::uuid[]) and privacy <> 'private'`);
  await tx.query(sql`
    insert into recipes_catalog.ingredients
      (recipe_id, position, name, quantity, unit, full_text, product_id)
    select p.new_id, i.position, i.name, i.quantity, i.unit, i.full_text, i.product_id
      from unnest(${from}::uuid[], ${to}::uuid[]) as p (old_id, new_id)
      join recipes_catalog.ingredients i on i.recipe_id = p.old_id`);
}
