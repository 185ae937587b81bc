import { platformErrors } from "../../../platform/errors.ts";
import { shoppingLimits as limits } from "../../../platform/limits.ts";
import type { Database, Transaction } from "../../../platform/postgres.ts";
import { sql } from "../../../platform/sql.ts";
import type { Caller } from "../owner.ts";
import { isOneOf } from "../store-menu-parts.ts";
import { shoppingErrors } from "./errors.ts";
import type { FindShoppingProducts } from "./ports.ts";
import type { PlacedIngredient, ShoppingProduct } from "./shopping-list.ts";

/** What a list is computed of. */
export interface MenusToShop {
  /** Each once. */
  readonly menuIds: readonly string[];
  /** All when undefined. */
  readonly weeks: readonly number[] | undefined;
  /** Whose menus they must all be; undefined: anybody's. */
  readonly clientId?: string;
}

export interface ShoppingBasis {
  readonly ingredients: readonly PlacedIngredient[];
  readonly products: readonly ShoppingProduct[];
  /** Menus that are not of the client asked for. */
  readonly foreignMenuIds: readonly string[];
}

/**
 * Reads what shopping lists are computed of.
 * @throws AppError `not_found` unless every menu is there and the caller's to read;
 *   `shopping_list_too_large`
 */
export type ReadBasis = (caller: Caller, menus: MenusToShop) => Promise<ShoppingBasis>;

export interface ShoppingBasisStore {
  /** Everything as it was at one moment. */
  readonly read: ReadBasis;
  /** In the transaction in which the list is kept. */
  readIn(tx: Transaction): ReadBasis;
}

export function createShoppingBasisStore(
  database: Database,
  findShoppingProducts: FindShoppingProducts,
): ShoppingBasisStore {
  const readIn =
    (tx: Transaction): ReadBasis =>
    async (caller, menus) => {
      const foreignMenuIds = await readMenus(tx, caller, menus);
      const ingredients = await readIngredients(tx, caller, menus);
      const ids = new Set(ingredients.flatMap(({ productId }) => productId ?? []));
      const products = ids.size === 0 ? [] : await findShoppingProducts(tx, [...ids]);
      return { ingredients, products, foreignMenuIds };
    };
  return {
    readIn,
    read: (caller, menus) =>
      database.withTransaction((tx) => readIn(tx)(caller, menus), {
        isolation: "repeatable read",
        readOnly: true,
      }),
  };
}

async function readMenus(tx: Transaction, caller: Caller, { menuIds, clientId }: MenusToShop) {
  const { rows } = await tx.query<{ id: string; client_id: string }>(sql`
    select m.id, m.client_id
      from recipes_catalog.menus m join recipes_catalog.clients c on c.id = m.client_id
     where ${isOneOf(sql`m.id`, menuIds)} and not m.discarded and not c.discarded
       and m.tenant_id = ${caller.tenantId} and c.tenant_id = ${caller.tenantId}
       and (${caller.isManager} or m.author_id = ${caller.userId} or c.author_id = ${caller.userId})`);
  if (rows.length < menuIds.length) throw platformErrors.failure("not_found");
  const foreign = rows.filter((row) => clientId !== undefined && row.client_id !== clientId);
  return foreign.map(({ id }) => id);
}

async function readIngredients(
  tx: Transaction,
  caller: Caller,
  { menuIds, weeks }: MenusToShop,
): Promise<PlacedIngredient[]> {
  const { rows } = await tx.query<PlacedIngredient>(sql`
    select i.name, i.quantity, i.unit, i.product_id as "productId", m.name as "mealName"
      from recipes_catalog.menu_meals p
      join recipes_catalog.meals m on m.id = p.meal_id and not m.discarded
      join recipes_catalog.recipes r on r.meal_id = m.id and not r.discarded
      join recipes_catalog.ingredients i on i.recipe_id = r.id
     where ${isOneOf(sql`p.menu_id`, menuIds)}
       and (${weeks ?? null}::smallint[] is null or p.week = any(${weeks ?? null}::smallint[]))
       and m.tenant_id = ${caller.tenantId}
     limit ${limits.ingredientsMax + 1}`);
  if (rows.length > limits.ingredientsMax) {
    throw shoppingErrors.failure("shopping_list_too_large");
  }
  return rows;
}
