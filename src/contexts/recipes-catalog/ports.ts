import type { Transaction } from "../../platform/postgres.ts";
import type { Sql } from "../../platform/sql.ts";

type Asked = Pick<Transaction, "query">;

/** JSON texts of those of the products that are there, read in the transaction at hand. */
export type FindProductTexts = (tx: Asked, ids: readonly string[]) => Promise<string[]>;

/**
 * A text that is another one after any change of any of the products, read by `ask`, which runs a
 * statement and tells its rows.
 */
export type ReadProductMarks = (
  ask: <Row>(statement: Sql) => Promise<Row[]>,
  ids: readonly string[],
) => Promise<string>;

export interface ProductPorts {
  readonly findProductTexts: FindProductTexts;
  readonly readProductMarks: ReadProductMarks;
}
