import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { recipeErrors } from "./errors.ts";
import type { Place } from "./meal.ts";
import { owned, type Caller, type Owned } from "./owner.ts";

/**
 * The living menu of the caller (or of anybody for a manager), locked: who changes a grid comes
 * here before any meal.
 * @throws AppError `not_found`, `permission_denied`
 */
export async function lockMenu(tx: Transaction, menuId: string, caller: Caller): Promise<Owned> {
  const { rows } = await tx.query<Owned>(sql`
    select tenant_id, author_id from recipes_catalog.menus
     where id = ${menuId} and not discarded for no key update`);
  return owned(rows[0], caller);
}

/**
 * Puts a meal into the grid of a menu that is locked.
 * @throws AppError `place_taken`
 */
export async function placeMeal(
  tx: Transaction,
  menuId: string,
  mealId: string,
  { week, weekday, meal_type: mealType, hour }: Place,
  now: Date,
): Promise<void> {
  const { rowCount } = await tx.query(sql`
    insert into recipes_catalog.menu_meals (menu_id, meal_id, week, weekday, meal_type, hour)
    values (${menuId}, ${mealId}, ${week}, ${weekday}, ${mealType}, ${hour}::time)
    on conflict on constraint menu_meals_place do nothing`);
  if (rowCount === 0) throw recipeErrors.failure("place_taken");
  await renewMenus(tx, [menuId], now);
}

/** Takes a meal out of the grid it stands in, if any. @returns its place */
export async function unplaceMeal(
  tx: Transaction,
  mealId: string,
  now: Date,
): Promise<Place | undefined> {
  const { rows } = await tx.query<Place & { menu_id: string }>(sql`
    delete from recipes_catalog.menu_meals where meal_id = ${mealId}
    returning menu_id, week, weekday, meal_type, hour::text as hour`);
  const [place] = rows;
  if (place !== undefined) await renewMenus(tx, [place.menu_id], now);
  return place;
}

/** The grid is a part of the menu: who saw it before has seen another version. */
async function renewMenus(tx: Transaction, ids: readonly string[], now: Date): Promise<void> {
  await tx.query(sql`
    update recipes_catalog.menus set version = version + 1, updated_at = ${now}
     where id = any(${ids}::uuid[])`);
}
