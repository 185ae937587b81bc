import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Place } from "./meal.ts";
import { refreshMeal } from "./store-meal-totals.ts";
import { insertRecipes, type IdentifiedRecipe } from "./store-recipe-rows.ts";

interface Owner {
  readonly tenantId: string;
  readonly authorId: string;
}

export interface SeededMeal {
  readonly id: string;
  readonly name: string;
  readonly prepared_name: string;
  readonly menu_id: string | null;
  readonly place: Place | undefined;
  readonly recipes: readonly IdentifiedRecipe[];
}

/** What an author has already. */
export async function countSeeded(database: Database, authorId: string) {
  const { rows } = await database.query<{ clients: number; recipes: number; menus: string[] }>(sql`
    select (select count(*) from recipes_catalog.clients
             where author_id = ${authorId} and not discarded) as clients,
           (select count(*) from recipes_catalog.recipes
             where author_id = ${authorId} and not discarded) as recipes,
           array(select id from recipes_catalog.menus
                  where author_id = ${authorId} and not discarded order by id) as menus`);
  const { clients, recipes, menus: menuIds } = rows[0]!;
  return { clients, recipes, menuIds };
}

/** Clients with a menu each. */
export async function insertClients(
  database: Database,
  { tenantId, authorId }: Owner,
  clients: readonly object[],
): Promise<void> {
  await database.query(sql`
    with given as (
      select * from jsonb_to_recordset(${JSON.stringify(clients)}::jsonb)
        as v (client_id uuid, menu_id uuid, name text, sex text)
    ), added as (
      insert into recipes_catalog.clients (id, tenant_id, author_id, name, sex)
      select client_id, ${tenantId}::uuid, ${authorId}::uuid, name, sex from given
    )
    insert into recipes_catalog.menus (id, tenant_id, author_id, client_id)
    select menu_id, ${tenantId}::uuid, ${authorId}::uuid, client_id from given`);
}

/** Meals with their recipes, totals and places, all or none of them. */
export async function insertSeededMeals(
  database: Database,
  { tenantId, authorId }: Owner,
  meals: readonly SeededMeal[],
  now: Date,
): Promise<void> {
  await database.withTransaction(async (tx) => {
    const rows = meals.map(({ recipes: _recipes, place, ...meal }) => ({ ...meal, ...place }));
    const given = sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as v (
      id uuid, name text, prepared_name text, menu_id uuid, week smallint, weekday text,
      meal_type text)`;
    await tx.query(sql`
      insert into recipes_catalog.meals
        (id, tenant_id, author_id, menu_id, name, prepared_name, created_at, updated_at)
      select id, ${tenantId}::uuid, ${authorId}::uuid, menu_id, name, prepared_name,
             ${now}::timestamptz, ${now}::timestamptz from ${given}`);
    await tx.query(sql`
      insert into recipes_catalog.menu_meals (menu_id, meal_id, week, weekday, meal_type)
      select menu_id, id, week, weekday, meal_type from ${given} where week is not null
      on conflict on constraint menu_meals_place do nothing`);
    for (const { id, recipes } of meals) {
      await insertRecipes(tx, { id, tenantId, authorId }, recipes, now);
      await refreshMeal(tx, id, now, { isNew: true });
    }
  });
}
