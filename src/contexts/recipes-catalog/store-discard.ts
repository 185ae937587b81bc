import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/**
 * Marks menus, the meals that belong to them and the recipes of those as discarded; their grids
 * are empty then. Rows are locked from the menu down, as every writer does.
 */
export async function discardMenus(
  tx: Transaction,
  menuIds: readonly string[],
  now: Date,
): Promise<void> {
  if (menuIds.length === 0) return;
  await tx.query(sql`
    select from recipes_catalog.menus where id = any(${menuIds}::uuid[]) order by id for update`);
  const { rows } = await tx.query<{ id: string }>(sql`
    select id from recipes_catalog.meals
     where menu_id = any(${menuIds}::uuid[]) and not discarded order by id for update`);
  const mealIds = rows.map((row) => row.id);
  await tx.query(
    sql`delete from recipes_catalog.menu_meals where menu_id = any(${menuIds}::uuid[])`,
  );
  await tx.query(sql`
    update recipes_catalog.recipes
       set discarded = true, version = version + 1, updated_at = ${now}
     where meal_id = any(${mealIds}::uuid[]) and not discarded`);
  await tx.query(sql`
    update recipes_catalog.meals set discarded = true, version = version + 1, updated_at = ${now}
     where id = any(${mealIds}::uuid[])`);
  await tx.query(sql`
    update recipes_catalog.menus set discarded = true, version = version + 1, updated_at = ${now}
     where id = any(${menuIds}::uuid[]) and not discarded`);
}
