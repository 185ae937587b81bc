import { validationFailure } from "../../../http/rules.ts";
import { shoppingLimits } from "../../../platform/limits.ts";
import type { Transaction } from "../../../platform/postgres.ts";
import { inTurns } from "../../../platform/turns.ts";
import type { Caller } from "../owner.ts";
import type { ShoppingItem } from "./shopping-item.ts";
import { shoppingListSteps } from "./shopping-list.ts";
import type { ShoppingRequest } from "./shopping-request.ts";
import type { ReadBasis, ShoppingBasis } from "./store.ts";

/**
 * What is computed of menus that the caller may read, all of one client when one is named.
 * @throws AppError `not_found`; `validation_failed` for menus of another client;
 *   `shopping_list_too_large`
 */
export async function readList(
  readBasis: ReadBasis,
  tx: Transaction,
  caller: Caller,
  asked: ShoppingRequest,
  clientId?: string,
): Promise<ShoppingBasis> {
  const basis = await readBasis(tx, caller, {
    menuIds: asked.menu_ids,
    weeks: asked.weeks ?? undefined,
    ...(clientId === undefined ? {} : { clientId }),
  });
  if (basis.foreignMenuIds.length > 0) {
    throw validationFailure(
      basis.foreignMenuIds.map((id) => ({
        path: `/body/menu_ids/${asked.menu_ids.indexOf(id)}`,
        code: "contradiction",
        message: "must be a menu of the client",
      })),
    );
  }
  return basis;
}

/** The lines of a list. */
export function computeList(
  { ingredients, products }: ShoppingBasis,
  asked: ShoppingRequest,
): Promise<ShoppingItem[]> {
  const steps = shoppingListSteps({
    ingredients,
    products,
    excludedProductIds: asked.exclude_product_ids,
    pantry: asked.pantry.map(({ product_id: productId, quantity, unit }) => ({
      productId,
      quantity,
      unit,
    })),
    orderBy: asked.order_by,
  });
  return inTurns(steps, shoppingLimits.computeTurnMs);
}
