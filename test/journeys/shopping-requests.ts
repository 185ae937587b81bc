import { newId } from "../../src/platform/ids.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import type { TestCaller } from "./route-table.ts";

/** Good requests for shopping lists: a client of the caller, with a menu of one meal, and a list. */
export function createShoppingRequests(database: Database) {
  /** The line of the list that was made last for a caller. */
  const itemIds = new Map<string, string>();

  async function clientId({ id: userId, tenantId }: TestCaller): Promise<string> {
    const id = newId();
    await database.query(sql`
      insert into recipes_catalog.clients (id, tenant_id, author_id, name, sex)
      values (${id}, ${tenantId}, ${userId}, 'Walter', 'masculino')`);
    return id;
  }

  async function menuId(caller: TestCaller, ofClient?: string): Promise<string> {
    const { id: userId, tenantId } = caller;
    const [id, mealId, recipeId] = [newId(), newId(), newId()];
    const owner = ofClient ?? (await clientId(caller));
    const row = sql`${tenantId}, ${userId}`;
    await database.withTransaction(async (tx) => {
      await tx.query(sql`
        insert into recipes_catalog.menus (id, tenant_id, author_id, client_id)
        values (${id}, ${row}, ${owner})`);
      await tx.query(sql`
        insert into recipes_catalog.meals (id, tenant_id, author_id, menu_id, name, prepared_name)
        values (${mealId}, ${row}, ${id}, 'Almoço', 'almoco')`);
      await tx.query(sql`
        insert into recipes_catalog.menu_meals (menu_id, meal_id, week, weekday, meal_type)
        values (${id}, ${mealId}, 1, 'Segunda', 'almoço')`);
      await tx.query(sql`
        insert into recipes_catalog.recipes
          (id, tenant_id, author_id, meal_id, name, prepared_name, instructions)
        values (${recipeId}, ${row}, ${mealId}, 'Arroz', 'arroz', 'Cozinhe.')`);
      await tx.query(sql`
        insert into recipes_catalog.ingredients (recipe_id, position, name, quantity, unit)
        values (${recipeId}, 0, 'Arroz', 100, 'g')`);
    });
    return id;
  }

  async function shoppingListId(caller: TestCaller): Promise<string> {
    const [id, itemId, ofClient] = [newId(), newId(), await clientId(caller)];
    const wishes = { menu_ids: [], weeks: null, exclude_product_ids: [], pantry: [] };
    const item = {
      product_id: null,
      shopping_name: "Arroz",
      unit: "g",
      quantity: 100,
      meals_names: ["Almoço"],
      store_department_name: null,
      recommended_brands_and_products: null,
      substitutes: null,
    };
    const request = JSON.stringify({ ...wishes, order_by: "shopping_name" });
    await database.withTransaction(async (tx) => {
      await tx.query(sql`
        insert into recipes_catalog.shopping_lists (id, tenant_id, author_id, client_id, request)
        values (${id}, ${caller.tenantId}, ${caller.id}, ${ofClient}, ${request}::jsonb)`);
      await tx.query(sql`
        insert into recipes_catalog.shopping_items (id, list_id, position, item)
        values (${itemId}, ${id}, 0, ${JSON.stringify(item)}::jsonb)`);
    });
    itemIds.set(caller.id, itemId);
    return id;
  }

  return {
    clientId,
    menuId: (caller: TestCaller) => menuId(caller),
    shoppingListId,
    /** The body of a good request, or undefined for routes of others. */
    async body(label: string, caller: TestCaller): Promise<object | undefined> {
      switch (label) {
        case "POST /v1/shopping-lists/preview":
          return { menu_ids: [await menuId(caller)] };
        case "POST /v1/shopping-lists": {
          const ofClient = await clientId(caller);
          return { client_id: ofClient, menu_ids: [await menuId(caller, ofClient)] };
        }
        case "PATCH /v1/shopping-lists/{shopping_list_id}":
          return { item_id: itemIds.get(caller.id) ?? newId(), checked: true };
        default:
          return undefined;
      }
    },
  };
}
