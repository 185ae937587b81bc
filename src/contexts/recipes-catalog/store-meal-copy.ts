import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { owned, type Caller, type Owned } from "./owner.ts";
import { copyRecipeRows } from "./store-recipe-rows.ts";
import { copyTags } from "./store-tags.ts";

export interface MealCopy {
  readonly mealId: string;
  /** Whom the copy belongs to: the author of the target menu. */
  readonly authorId: string;
  readonly menuId: string;
  readonly now: Date;
}

/**
 * Copies a living meal with its recipes, ingredients and tags into a menu: new ids, the author of
 * the menu, recipes private and unrated, not placed in the grid, not liked yet. Reading it is the
 * caller's right to have.
 * @returns the id of the copy
 * @throws AppError `not_found`, `permission_denied`
 */
export async function copyMeal(
  tx: Transaction,
  caller: Caller,
  { mealId, authorId, menuId, now }: MealCopy,
): Promise<string> {
  // The share lock keeps writers of the source away, so that sums and recipes belong together.
  const { rows } = await tx.query<Owned>(sql`
    select tenant_id, author_id from recipes_catalog.meals
     where id = ${mealId} and not discarded for share`);
  const { tenant_id: tenantId } = owned(rows[0], caller);
  const copy = { from: mealId, to: newId() };
  const { rowCount } = await tx.query(sql`
    insert into recipes_catalog.meals
      (id, tenant_id, author_id, menu_id, created_at, updated_at, ${COPIED})
    select ${copy.to}::uuid, ${tenantId}::uuid, ${authorId}::uuid, ${menuId}::uuid,
           ${now}::timestamptz, ${now}::timestamptz, ${COPIED}
      from recipes_catalog.meals where id = ${mealId}`);
  if (rowCount === 0) throw platformErrors.failure("not_found");
  const { rows: recipes } = await tx.query<{ id: string }>(sql`
    select id from recipes_catalog.recipes
     where meal_id = ${mealId} and not discarded order by created_at, id`);
  const pairs = recipes.map(({ id }) => ({ from: id, to: newId() }));
  await copyRecipeRows(tx, { id: copy.to, tenantId, authorId }, pairs, now);
  await copyTags(tx, "meal", [copy], authorId, tenantId);
  await copyTags(tx, "recipe", pairs, authorId, tenantId);
  return copy.to;
}

const COPIED = sql`name, prepared_name, description, notes, image_url, nutri_facts,
  weight_in_grams, total_time, calorie_density, carbo_percentage, protein_percentage,
  total_fat_percentage, calories, protein, carbohydrate, total_fat, saturated_fat, trans_fat,
  dietary_fiber, sugar, sodium`;
