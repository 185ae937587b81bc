import { httpErrors } from "../../http/errors.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { PlacedMeal } from "./menu-input.ts";
import type { Caller, Owned } from "./owner.ts";
import { copyMeal } from "./store-meal-copy.ts";

interface LockedMenu {
  readonly id: string;
  readonly tenantId: string;
  readonly authorId: string;
}

/**
 * Makes the grid of a locked menu exactly this one. Its meals belong to the menu from now on, and
 * leave the grid they stood in; meals that were in the old grid only belong to no menu any more.
 * @returns whether the grid was another one before
 * @throws AppError `not_found` for a meal that is not there, `permission_denied` for one of another
 *   author
 */
export async function replaceGrid(
  tx: Transaction,
  menu: LockedMenu,
  caller: Caller,
  grid: readonly PlacedMeal[],
  now: Date,
): Promise<boolean> {
  const mealIds = [...new Set(grid.map(({ mealId }) => mealId))];
  await lockMeals(tx, menu, mealIds);
  if (await isGridOf(tx, menu.id, grid)) return false;
  const placed = await withCopies(tx, menu, caller, grid, now);
  await clearPlaces(tx, menu, mealIds, now);
  await tx.query(sql`
    insert into recipes_catalog.menu_meals (menu_id, meal_id, week, weekday, meal_type, hour)
    select ${menu.id}::uuid, * from unnest(
      ${placed.map(({ mealId }) => mealId)}::uuid[], ${placed.map(({ week }) => week)}::int[],
      ${placed.map(({ weekday }) => weekday)}::text[],
      ${placed.map((one) => one.meal_type)}::text[], ${placed.map(({ hour }) => hour)}::time[])`);
  await tx.query(sql`
    update recipes_catalog.meals
       set menu_id = ${menu.id}, version = version + 1, updated_at = ${now}
     where id = any(${mealIds}::uuid[]) and menu_id is distinct from ${menu.id}`);
  return true;
}

async function isGridOf(tx: Transaction, menuId: string, grid: readonly PlacedMeal[]) {
  const { rows } = await tx.query<PlacedMeal>(sql`
    select meal_id as "mealId", week, weekday, meal_type, hour::text as hour
      from recipes_catalog.menu_meals where menu_id = ${menuId}`);
  if (rows.length !== grid.length) return false;
  const places = new Set(rows.map(placeText));
  return grid.every((place) => places.has(placeText(place)));
}

function placeText({ mealId, week, weekday, meal_type: mealType, hour }: PlacedMeal): string {
  const time = hour?.length === 5 ? `${hour}:00` : hour;
  return JSON.stringify([mealId, week, weekday, mealType, time]);
}

async function lockMeals(tx: Transaction, menu: LockedMenu, ids: readonly string[]) {
  const { rows } = await tx.query<Owned>(sql`
    select tenant_id, author_id from recipes_catalog.meals
     where id = any(${ids}::uuid[]) and not discarded order by id for update`);
  const known = rows.filter((row) => row.tenant_id === menu.tenantId);
  if (known.length < ids.length) {
    throw platformErrors.failure("not_found", { detail: "A meal of the grid is not there" });
  }
  if (known.some((row) => row.author_id !== menu.authorId)) {
    throw httpErrors.failure("permission_denied", {
      detail: "A meal of the grid belongs to somebody else",
    });
  }
}

/** A meal stands in one place: the first one keeps it, every further one gets a copy. */
async function withCopies(
  tx: Transaction,
  menu: LockedMenu,
  caller: Caller,
  grid: readonly PlacedMeal[],
  now: Date,
): Promise<PlacedMeal[]> {
  const seen = new Set<string>();
  const placed: PlacedMeal[] = [];
  for (const place of grid) {
    let { mealId } = place;
    if (seen.has(mealId)) {
      const copy = { mealId, authorId: menu.authorId, menuId: menu.id, now };
      mealId = await copyMeal(tx, caller, copy);
    }
    seen.add(place.mealId);
    placed.push({ ...place, mealId });
  }
  return placed;
}

/** Empties the old grid, and takes the new meals out of other grids. */
async function clearPlaces(
  tx: Transaction,
  menu: LockedMenu,
  mealIds: readonly string[],
  now: Date,
): Promise<void> {
  const { rows } = await tx.query<{ menu_id: string; meal_id: string }>(sql`
    delete from recipes_catalog.menu_meals
     where menu_id = ${menu.id} or meal_id = any(${mealIds}::uuid[]) returning menu_id, meal_id`);
  const kept = new Set(mealIds);
  const left = rows.filter((row) => row.menu_id === menu.id && !kept.has(row.meal_id));
  await tx.query(sql`
    update recipes_catalog.meals set menu_id = null, version = version + 1, updated_at = ${now}
     where id = any(${left.map((row) => row.meal_id)}::uuid[]) and menu_id = ${menu.id}`);
  const others = rows.map((row) => row.menu_id).filter((id) => id !== menu.id);
  await tx.query(sql`
    update recipes_catalog.menus set version = version + 1, updated_at = ${now}
     where id = any(${[...new Set(others)]}::uuid[])`);
}
