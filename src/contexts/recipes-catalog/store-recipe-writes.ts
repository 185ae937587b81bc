import { isDeepStrictEqual } from "node:util";
import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { owned, type Caller, type Owned } from "./owner.ts";
import type { Recipe, Versioned } from "./recipe.ts";
import { lockMeal, refreshMeal } from "./store-meal-totals.ts";
import {
  copyRecipeRows,
  discardRecipes,
  insertRecipes,
  updateRecipes,
} from "./store-recipe-rows.ts";
import { copyTags, replaceTags } from "./store-tags.ts";
import type { Tag } from "./tag.ts";

/** A recipe as its author describes it; tags are read once the author is known. */
export interface WrittenRecipe {
  readonly recipe: Recipe;
  /** Undefined: they stay as they are. */
  readonly tags?: readonly Tag[] | undefined;
}

export interface StoredRecipe extends Owned {
  readonly id: string;
  readonly meal_id: string;
  readonly recipe: Recipe;
}

/**
 * Writes recipes. Every write locks the meal first and sums it up anew in the same transaction.
 * All throw `not_found`, and `permission_denied` for what belongs to somebody else.
 */
export interface RecipeWriter {
  insert(
    caller: Caller,
    mealId: string,
    write: (authorId: string) => WrittenRecipe,
    now: Date,
  ): Promise<Versioned>;
  /** Stores what `change` makes of it, under the next version if that is anything new. */
  change(
    caller: Caller,
    id: string,
    expectedVersion: number | undefined,
    change: (stored: StoredRecipe) => WrittenRecipe,
    now: Date,
  ): Promise<Versioned>;
  discard(
    caller: Caller,
    id: string,
    expectedVersion: number | undefined,
    now: Date,
  ): Promise<Versioned>;
  /** Copies a recipe that the caller may see; `assertTarget` looks at the target's author. */
  copy(
    caller: Caller,
    id: string,
    mealId: string,
    assertTarget: (authorId: string) => void,
    now: Date,
  ): Promise<Versioned>;
}

export function createRecipeWriter(database: Database): RecipeWriter {
  return {
    insert: (caller, mealId, write, now) =>
      database.withTransaction(async (tx) => {
        const meal = await lockMeal(tx, caller.tenantId, mealId);
        owned({ tenant_id: meal.tenantId, author_id: meal.authorId }, caller);
        const id = newId();
        const { recipe, tags = [] } = write(meal.authorId);
        await insertRecipes(tx, meal, [{ ...recipe, id }], now);
        await replaceTags(tx, "recipe", id, meal.authorId, meal.tenantId, tags);
        await refreshMeal(tx, mealId, now);
        return { id, version: 1 };
      }),

    change: (caller, id, expectedVersion, change, now) =>
      database.withTransaction(async (tx) => {
        const { version, ...stored } = await lockRecipe(tx, caller, id, expectedVersion);
        const { recipe, tags } = change(stored);
        const hasNewTags =
          tags !== undefined &&
          (await replaceTags(tx, "recipe", id, stored.author_id, stored.tenant_id, tags));
        if (!hasNewTags && isDeepStrictEqual(recipe, stored.recipe)) return { id, version };
        await updateRecipes(tx, [{ ...recipe, id }], now);
        await refreshMeal(tx, stored.meal_id, now);
        return { id, version: version + 1 };
      }),

    discard: (caller, id, expectedVersion, now) =>
      database.withTransaction(async (tx) => {
        const { version, meal_id: mealId } = await lockRecipe(tx, caller, id, expectedVersion);
        await discardRecipes(tx, [id], now);
        await refreshMeal(tx, mealId, now);
        return { id, version: version + 1 };
      }),

    copy: (caller, id, mealId, assertTarget, now) =>
      database.withTransaction(async (tx) => {
        const meal = await lockMeal(tx, caller.tenantId, mealId);
        owned({ tenant_id: meal.tenantId, author_id: meal.authorId }, caller);
        assertTarget(meal.authorId);
        const { rows } = await tx.query<Owned & { privacy: string }>(sql`
          select tenant_id, author_id, privacy from recipes_catalog.recipes
           where id = ${id} and not discarded for share`);
        assertMaySee(rows[0], caller);
        const copy = { from: id, to: newId() };
        await copyRecipeRows(tx, meal, [copy], now);
        await copyTags(tx, "recipe", [copy], meal.authorId, meal.tenantId);
        await refreshMeal(tx, mealId, now);
        return { id: copy.to, version: 1 };
      }),
  };
}

/** @throws AppError `not_found`; `permission_denied` for a private one of somebody else */
export function assertMaySee<T extends Owned & { readonly privacy: string }>(
  row: T | undefined,
  caller: Caller,
): T {
  const isPublic = row?.privacy === "public" && row.tenant_id === caller.tenantId;
  return isPublic ? row : owned(row, caller);
}

/** The meal, then the recipe: the order in which everybody locks them. */
async function lockRecipe(
  tx: Transaction,
  caller: Caller,
  id: string,
  expectedVersion: number | undefined,
): Promise<StoredRecipe & { version: number }> {
  const { rows: places } = await tx.query<Owned & { meal_id: string }>(sql`
    select meal_id, tenant_id, author_id from recipes_catalog.recipes
     where id = ${id} and not discarded`);
  const place = owned(places[0], caller);
  await lockMeal(tx, caller.tenantId, place.meal_id);
  const [stored] = await readRecipes(tx, sql`r.id = ${id}`);
  if (stored === undefined) throw platformErrors.failure("not_found");
  if (expectedVersion !== undefined && expectedVersion !== stored.version) {
    throw platformErrors.failure("version_conflict");
  }
  return { ...place, id, recipe: stored.recipe, version: stored.version };
}

/** The living recipes of a meal that is locked, by their ids. */
export async function recipesOfMeal(
  tx: Transaction,
  mealId: string,
): Promise<ReadonlyMap<string, Recipe>> {
  const found = await readRecipes(tx, sql`r.meal_id = ${mealId}`);
  return new Map(found.map(({ id, recipe }) => [id, recipe]));
}

async function readRecipes(tx: Transaction, condition: ReturnType<typeof sql>) {
  const { rows } = await tx.query<Recipe & { id: string; version: number }>(sql`
    select r.id, r.version, r.name, r.instructions, r.description, r.utensils, r.total_time,
           r.notes, r.privacy, r.image_url, r.weight_in_grams, r.nutri_facts,
           (select coalesce(json_agg(json_build_object('name', i.name, 'quantity', i.quantity,
                     'unit', i.unit, 'position', i.position, 'full_text', i.full_text,
                     'product_id', i.product_id) order by i.position), '[]')
              from recipes_catalog.ingredients i where i.recipe_id = r.id) as ingredients
      from recipes_catalog.recipes r
     where ${condition} and not r.discarded order by r.created_at, r.id for update of r`);
  return rows.map(({ id, version, ...recipe }) => ({ id, version, recipe }));
}
