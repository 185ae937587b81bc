import { platformErrors } from "../../platform/errors.ts";
import { menuLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { viewClient, type ClientRow } from "./client-view.ts";
import { mealJson } from "./meal-json.ts";
import { viewMenu, type MenuRow } from "./menu.ts";
import type { Caller } from "./owner.ts";
import { clientColumns } from "./store-clients.ts";
import { mealsOfMenus } from "./store-meals.ts";
import { menuJson } from "./store-menu-parts.ts";
import { tagsOf } from "./store-tags.ts";

/** JSON texts of those of the products that are there, read in the transaction at hand. */
export type FindProductTexts = (
  tx: Pick<Transaction, "query">,
  ids: readonly string[],
) => Promise<string[]>;

export interface MenuViewStore {
  /**
   * Menus with all that stands in them, as JSON text, everything as it was at one moment.
   * @throws AppError `not_found` unless every menu is there and the caller's to read;
   *   `validation_failed` for more meals than are shown together
   */
  read(caller: Caller, menuIds: readonly string[]): Promise<string>;
}

export function createMenuViewStore(
  database: Database,
  findProductTexts: FindProductTexts,
): MenuViewStore {
  return {
    read: (caller, menuIds) =>
      database.withTransaction(
        async (tx) => {
          await tx.query(sql`set transaction read only`);
          const menus = await readMenus(tx, caller, menuIds);
          const clients = await readClients(tx, menus);
          const meals = await mealsOfMenus(tx, menuIds);
          const products = await findProductTexts(tx, await productIds(tx, menuIds));
          return [
            `{"data":{"clients":${JSON.stringify(clients)}`,
            `"menus":${JSON.stringify(menus.map(viewMenu))}`,
            `"meals":[${meals.map(({ meal, recipes }) => mealJson(meal, recipes)).join(",")}]`,
            `"products":[${products.join(",")}]}}`,
          ].join(",");
        },
        { isolation: "repeatable read" },
      ),
  };
}

async function readMenus(
  tx: Transaction,
  caller: Caller,
  menuIds: readonly string[],
): Promise<MenuRow[]> {
  const { rows } = await tx.query<{ menu: MenuRow; places: number }>(sql`
    select ${menuJson("full")} as menu,
           (select count(*)::int from recipes_catalog.menu_meals p where p.menu_id = n.id) as places
      from unnest(${menuIds}::uuid[]) with ordinality as wanted (id, place)
      join recipes_catalog.menus n on n.id = wanted.id
      join recipes_catalog.clients c on c.id = n.client_id
     where n.tenant_id = ${caller.tenantId} and not n.discarded and not c.discarded
       and (${caller.isManager} or n.author_id = ${caller.userId})
     order by wanted.place`);
  if (rows.length < menuIds.length) throw platformErrors.failure("not_found");
  const places = rows.reduce((sum, row) => sum + row.places, 0);
  if (places > limits.viewedMealsMax) {
    throw platformErrors.failure("validation_failed", {
      errors: [
        {
          path: "/query/menu_ids",
          code: "too_many_meals",
          message: `must not name menus with more than ${limits.viewedMealsMax} meals together`,
        },
      ],
    });
  }
  return rows.map(({ menu }) => menu);
}

/** Each with those of its menus that were asked for, and no other. */
async function readClients(tx: Transaction, menus: readonly MenuRow[]) {
  const ids = [...new Set(menus.map(({ client_id: id }) => id))];
  const { rows } = await tx.query<Omit<ClientRow, "menus">>(sql`
    select ${clientColumns}, ${tagsOf("client", sql`c.id`)} as tags
      from recipes_catalog.clients c where c.id = any(${ids}::uuid[]) order by c.name, c.id`);
  return rows.map((row) =>
    viewClient({ ...row, menus: menus.filter(({ client_id: id }) => id === row.id) }),
  );
}

async function productIds(tx: Transaction, menuIds: readonly string[]): Promise<string[]> {
  const { rows } = await tx.query<{ product_id: string }>(sql`
    select distinct i.product_id
      from recipes_catalog.menu_meals p
      join recipes_catalog.meals m on m.id = p.meal_id and not m.discarded
      join recipes_catalog.recipes r on r.meal_id = m.id and not r.discarded
      join recipes_catalog.ingredients i on i.recipe_id = r.id
     where p.menu_id = any(${menuIds}::uuid[]) and i.product_id is not null`);
  return rows.map(({ product_id: id }) => id);
}
