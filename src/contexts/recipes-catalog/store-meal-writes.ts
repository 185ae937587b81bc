import { isDeepStrictEqual } from "node:util";
import { httpErrors } from "../../http/errors.ts";
import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { prepareName } from "../../platform/name-preparation.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Meal, Place } from "./meal.ts";
import type { RecipeOfMeal } from "./meal-input.ts";
import { owned, type Caller, type Owned } from "./owner.ts";
import type { MealOf, Recipe, Versioned } from "./recipe.ts";
import { copyMeal } from "./store-meal-copy.ts";
import { lockMenu, placeMeal, unplaceMeal } from "./store-meal-places.ts";
import { lockMeal, refreshMeal, type LockedMeal } from "./store-meal-totals.ts";
import { discardRecipes, insertRecipes, updateRecipes } from "./store-recipe-rows.ts";
import { recipesOfMeal } from "./store-recipe-writes.ts";
import { replaceTags, replaceTagsOfMany } from "./store-tags.ts";
import type { Tag } from "./tag.ts";

/** What a body makes of a meal, once its author and its recipes are known. */
export interface WrittenMeal {
  readonly meal: Meal;
  /** Undefined: they stay as they are. */
  readonly tags: readonly Tag[] | undefined;
  readonly recipes: readonly RecipeOfMeal[] | undefined;
}

export interface StoredMeal extends Owned {
  readonly meal: Meal;
  readonly recipes: ReadonlyMap<string, Recipe>;
}

/**
 * Writes meals with their recipes and their place in the grid. All throw `not_found`, and
 * `permission_denied` for what belongs to somebody else; `place_taken` where a meal is placed.
 */
export interface MealWriter {
  insert(
    caller: Caller,
    menuId: string,
    place: Place | undefined,
    write: (authorId: string) => WrittenMeal,
    now: Date,
  ): Promise<Versioned>;
  /**
   * Stores what `change` makes of it. @param menuId where it is to go; null: into no menu;
   *   undefined: it stays
   */
  change(
    caller: Caller,
    id: string,
    expectedVersion: number | undefined,
    menuId: string | null | undefined,
    change: (stored: StoredMeal) => WrittenMeal,
    now: Date,
  ): Promise<Versioned>;
  /** Discards it with its recipes and takes it out of the grid. */
  discard(
    caller: Caller,
    id: string,
    expectedVersion: number | undefined,
    now: Date,
  ): Promise<Versioned>;
  /** `assertTarget` looks at the author of the target menu. */
  copy(
    caller: Caller,
    id: string,
    menuId: string,
    place: Place | undefined,
    assertTarget: (authorId: string) => void,
    now: Date,
  ): Promise<Versioned>;
}

export function createMealWriter(database: Database): MealWriter {
  return {
    insert: (caller, menuId, place, write, now) =>
      database.withTransaction(async (tx) => {
        const menu = await lockMenu(tx, menuId, caller);
        const { tenant_id: tenantId, author_id: authorId } = menu;
        const meal: MealOf = { id: newId(), tenantId, authorId };
        const content = write(authorId);
        await insertMeal(tx, meal, menuId, content.meal, now);
        await writeRecipes(tx, meal, new Map(), content.recipes ?? [], now);
        await replaceTags(tx, "meal", meal.id, authorId, tenantId, content.tags ?? []);
        const version = await refreshMeal(tx, meal.id, now, { isNew: true });
        if (place !== undefined) await placeMeal(tx, menuId, meal.id, place, now);
        return { id: meal.id, version };
      }),

    change: (caller, id, expectedVersion, menuId, change, now) =>
      database.withTransaction(async (tx) => {
        const menu = menuId ? await lockMenu(tx, menuId, caller) : undefined;
        const { locked, meal } = await lockOwnMeal(tx, caller, id, expectedVersion);
        // A menu holds the meals of its own author only.
        if (menu !== undefined && menu.author_id !== locked.authorId) {
          throw httpErrors.failure("permission_denied", {
            detail: "It is the menu of another user",
          });
        }
        const { tenantId: tenant_id, authorId: author_id } = locked;
        const recipes = await recipesOfMeal(tx, id);
        const content = change({ meal, recipes, tenant_id, author_id });
        const isMoved = menuId !== undefined && menuId !== locked.menuId;
        const hasNewTags =
          content.tags !== undefined &&
          (await replaceTags(tx, "meal", id, author_id, tenant_id, content.tags));
        const isSame = isDeepStrictEqual(content.meal, meal) && !hasNewTags;
        if (isSame && content.recipes === undefined && !isMoved) {
          return { id, version: locked.version };
        }
        if (isMoved) await moveMeal(tx, id, menuId, now);
        await updateMeal(tx, id, content.meal);
        if (content.recipes !== undefined) {
          await writeRecipes(tx, locked, recipes, content.recipes, now);
        }
        return { id, version: await refreshMeal(tx, id, now) };
      }),

    discard: (caller, id, expectedVersion, now) =>
      database.withTransaction(async (tx) => {
        const { locked } = await lockOwnMeal(tx, caller, id, expectedVersion);
        await discardRecipes(tx, [...(await recipesOfMeal(tx, id)).keys()], now);
        await unplaceMeal(tx, id, now);
        await tx.query(sql`
          update recipes_catalog.meals
             set discarded = true, version = version + 1, updated_at = ${now} where id = ${id}`);
        return { id, version: locked.version + 1 };
      }),

    copy: (caller, id, menuId, place, assertTarget, now) =>
      database.withTransaction(async (tx) => {
        const { author_id: authorId } = await lockMenu(tx, menuId, caller);
        assertTarget(authorId);
        const copyId = await copyMeal(tx, caller, { mealId: id, authorId, menuId, now });
        if (place !== undefined) await placeMeal(tx, menuId, copyId, place, now);
        return { id: copyId, version: 1 };
      }),
  };
}

async function insertMeal(
  tx: Transaction,
  { id, tenantId, authorId }: MealOf,
  menuId: string,
  { name, description, notes, like, image_url: imageUrl }: Meal,
  now: Date,
): Promise<void> {
  await tx.query(sql`
    insert into recipes_catalog.meals (id, tenant_id, author_id, menu_id, created_at, updated_at,
           name, prepared_name, description, notes, "like", image_url)
    values (${id}, ${tenantId}, ${authorId}, ${menuId}, ${now}, ${now},
           ${name}, ${prepareName(name)}, ${description}, ${notes}, ${like}, ${imageUrl})`);
}

async function updateMeal(
  tx: Transaction,
  id: string,
  { name, description, notes, like, image_url: imageUrl }: Meal,
): Promise<void> {
  await tx.query(sql`
    update recipes_catalog.meals
       set name = ${name}, prepared_name = ${prepareName(name)}, description = ${description},
           notes = ${notes}, "like" = ${like}, image_url = ${imageUrl}
     where id = ${id}`);
}

/** The place in the grid goes with it, and is given up when it goes nowhere. */
async function moveMeal(
  tx: Transaction,
  id: string,
  menuId: string | null,
  now: Date,
): Promise<void> {
  const place = await unplaceMeal(tx, id, now);
  await tx.query(sql`update recipes_catalog.meals set menu_id = ${menuId} where id = ${id}`);
  if (menuId !== null && place !== undefined) await placeMeal(tx, menuId, id, place, now);
}

/** Makes the recipes of a meal those of the list; what is not on it is discarded. */
async function writeRecipes(
  tx: Transaction,
  meal: MealOf,
  stored: ReadonlyMap<string, Recipe>,
  wanted: readonly RecipeOfMeal[],
  now: Date,
): Promise<void> {
  const kept = new Set(wanted.map(({ recipe }) => recipe.id));
  await discardRecipes(
    tx,
    [...stored.keys()].filter((id) => !kept.has(id)),
    now,
  );
  const added = wanted.filter(({ isNew }) => isNew).map(({ recipe }) => recipe);
  await insertRecipes(tx, meal, added, now);
  const tagged = wanted.flatMap(({ recipe: { id }, isNew, tags }) =>
    tags === undefined || (isNew && tags.length === 0) ? [] : [{ id, tags }],
  );
  const { authorId, tenantId } = meal;
  const withNewTags = await replaceTagsOfMany(tx, "recipe", tagged, authorId, tenantId);
  const changed = wanted.filter(({ recipe: { id, ...content }, isNew }) => {
    const isSame = !withNewTags.has(id) && isDeepStrictEqual(content, stored.get(id));
    return !isNew && !isSame;
  });
  await updateRecipes(
    tx,
    changed.map(({ recipe }) => recipe),
    now,
  );
}

async function lockOwnMeal(
  tx: Transaction,
  caller: Caller,
  id: string,
  expectedVersion: number | undefined,
): Promise<{ locked: LockedMeal; meal: Meal }> {
  const locked = await lockMeal(tx, caller.tenantId, id);
  owned({ tenant_id: locked.tenantId, author_id: locked.authorId }, caller);
  if (expectedVersion !== undefined && expectedVersion !== locked.version) {
    throw platformErrors.failure("version_conflict");
  }
  const { rows } = await tx.query<Meal>(sql`
    select name, description, notes, "like", image_url
      from recipes_catalog.meals where id = ${id}`);
  return { locked, meal: { ...rows[0]! } };
}
