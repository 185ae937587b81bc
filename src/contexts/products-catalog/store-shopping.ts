import type { Transaction } from "../../platform/postgres.ts";
import { anyCount } from "../../platform/sql-page.ts";
import { sql } from "../../platform/sql.ts";

/** What a shopping list shows and computes with. */
export interface ProductForShopping {
  readonly id: string;
  readonly name: string;
  readonly shopping_name: string | null;
  readonly store_department_name: string | null;
  readonly recommended_brands_and_products: string | null;
  readonly substitutes: string | null;
  readonly edible_yield: number | null;
  readonly cooking_factor: number | null;
  readonly kg_per_unit: number | null;
  readonly liters_per_kg: number | null;
}

/** Those of the products that are there, in the caller's transaction; in any order. */
export async function findShoppingProducts(
  tx: Pick<Transaction, "query">,
  ids: readonly string[],
): Promise<ProductForShopping[]> {
  const { rows } = await tx.query<ProductForShopping>(sql`
    select id, name, shopping_name, store_department_name, recommended_brands_and_products,
           substitutes, edible_yield, cooking_factor, kg_per_unit, liters_per_kg
      from products_catalog.products
     where id = any(${anyCount(ids)}) and not discarded`);
  return rows;
}
