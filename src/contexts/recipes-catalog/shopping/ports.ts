import type { DrawDocument } from "../../../platform/documents/document-task.ts";
import type { Transaction } from "../../../platform/postgres.ts";
import type { ReadProductMarks } from "../ports.ts";
import type { ShoppingProduct } from "./shopping-list.ts";

/** Those of the products that are there, read in the transaction at hand; in any order. */
export type FindShoppingProducts = (
  tx: Pick<Transaction, "query">,
  ids: readonly string[],
) => Promise<ShoppingProduct[]>;

/** What shopping lists need of others. */
export interface ShoppingPorts {
  readonly findShoppingProducts: FindShoppingProducts;
  readonly readProductMarks: ReadProductMarks;
  readonly drawDocument: DrawDocument;
}
