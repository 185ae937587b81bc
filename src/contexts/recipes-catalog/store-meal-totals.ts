import { platformErrors } from "../../platform/errors.ts";
import { mealLimits } from "../../platform/limits.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { validationFailure } from "../../http/rules.ts";
import type { MealOf } from "./recipe.ts";
import { totalsOf, type Portion } from "./totals.ts";

export interface LockedMeal extends MealOf {
  readonly menuId: string | null;
  readonly version: number;
}

/**
 * The living meal, locked until the end of the transaction: whoever changes its recipes comes here
 * first, so that writers follow each other and none sums up what another is just changing.
 * @throws AppError `not_found`
 */
export async function lockMeal(
  tx: Transaction,
  tenantId: string,
  mealId: string,
): Promise<LockedMeal> {
  const { rows } = await tx.query<{
    author_id: string;
    menu_id: string | null;
    version: number;
  }>(sql`
    select author_id, menu_id, version from recipes_catalog.meals
     where id = ${mealId} and tenant_id = ${tenantId} and not discarded for update`);
  const [row] = rows;
  if (row === undefined) throw platformErrors.failure("not_found");
  const { author_id: authorId, menu_id: menuId, version } = row;
  return { id: mealId, tenantId, authorId, menuId, version };
}

/**
 * Sums the recipes of a locked meal up anew and gives it its next version, if it is not new.
 * @returns that version
 * @throws AppError `validation_failed` when the meal has too many recipes
 */
export async function refreshMeal(
  tx: Transaction,
  mealId: string,
  now: Date,
  { isNew = false }: { readonly isNew?: boolean } = {},
): Promise<number> {
  const { rows: portions } = await tx.query<Portion>(sql`
    select nutri_facts, weight_in_grams, total_time from recipes_catalog.recipes
     where meal_id = ${mealId} and not discarded order by created_at, id`);
  if (portions.length > mealLimits.recipesMaxCount) {
    const message = `a meal must not have more than ${mealLimits.recipesMaxCount} recipes`;
    throw validationFailure([{ path: "/body", code: "max_recipes", message }]);
  }
  const { rows } = await tx.query<{ version: number }>(sql`
    update recipes_catalog.meals m
       set (nutri_facts, weight_in_grams, total_time, calorie_density, carbo_percentage,
            protein_percentage, total_fat_percentage, calories, protein, carbohydrate, total_fat,
            saturated_fat, trans_fat, dietary_fiber, sugar, sodium, version, updated_at)
         = row(t.nutri_facts, t.weight_in_grams, t.total_time, t.calorie_density,
            t.carbo_percentage, t.protein_percentage, t.total_fat_percentage, t.calories,
            t.protein, t.carbohydrate, t.total_fat, t.saturated_fat, t.trans_fat,
            t.dietary_fiber, t.sugar, t.sodium, m.version + ${isNew ? 0 : 1}::integer, ${now}::timestamptz)
      from jsonb_to_record(${JSON.stringify(totalsOf(portions))}::jsonb) as t (
        nutri_facts jsonb, weight_in_grams integer, total_time integer, calorie_density float8,
        carbo_percentage float8, protein_percentage float8, total_fat_percentage float8,
        calories float8, protein float8, carbohydrate float8, total_fat float8,
        saturated_fat float8, trans_fat float8, dietary_fiber float8, sugar float8,
        sodium float8)
     where m.id = ${mealId} returning m.version`);
  return rows[0]!.version;
}
