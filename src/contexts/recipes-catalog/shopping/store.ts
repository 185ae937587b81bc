import { platformErrors } from "../../../platform/errors.ts";
import { shoppingLimits as limits } from "../../../platform/limits.ts";
import type { Transaction } from "../../../platform/postgres.ts";
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
  /** Of all ingredients, whether there is such a product or not. */
  readonly productIds: readonly string[];
  /** Menus that are not of the client asked for. */
  readonly foreignMenuIds: readonly string[];
}

/**
 * Reads what shopping lists are computed of, in a transaction that sees everything as it was at
 * one moment.
 * @throws AppError `not_found` unless every menu is there and the caller's to read;
 *   `shopping_list_too_large`
 */
export type ReadBasis = (
  tx: Transaction,
  caller: Caller,
  menus: MenusToShop,
) => Promise<ShoppingBasis>;

export function createReadBasis(findShoppingProducts: FindShoppingProducts): ReadBasis {
  return async (tx, caller, menus) => {
    const foreignMenuIds = await readMenus(tx, caller, menus);
    const ingredients = await readIngredients(tx, caller, menus);
    const productIds = [...new Set(ingredients.flatMap(({ productId }) => productId ?? []))];
    const products = productIds.length === 0 ? [] : await findShoppingProducts(tx, productIds);
    return { ingredients, products, productIds, foreignMenuIds };
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
