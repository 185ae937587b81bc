import { productLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { createRecent } from "../../platform/recent.ts";
import { anyCount } from "../../platform/sql-page.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { constantSql, productSelection } from "./columns.ts";
import { productJson, type ProductRow } from "./product-json.ts";

/** A product as a row was read, told from every other state of the product by its mark. */
export interface MarkedProduct {
  readonly id: string;
  readonly mark: string;
}

/** A product as it is answered. */
export interface ProductText {
  readonly version: number;
  /** JSON. */
  readonly text: string;
}

/**
 * What a `MarkedProduct` wants of `products p`. The writing transaction and the place tell the
 * states of a row apart, those within one transaction too; version and instant do so after that
 * number was used again, in a restored database too.
 */
const mark = constantSql(
  "concat_ws(' ', p.xmin, p.ctid, p.version, extract(epoch from p.updated_at))",
);
export const productMark = sql`p.id, ${mark} as mark`;

interface KnownText extends ProductText {
  readonly mark: string;
}

// A text costs more than all the rest of an answer, so a thread keeps those it has lately shown.
// The votes are in it too: a vote writes the row anew.
const known = createRecent<KnownText>(productLimits.textsMax);

/** The text that is known of a product in this state. */
function recall({ id, mark }: MarkedProduct): KnownText | undefined {
  const found = known.get(id);
  return found?.mark === mark ? found : undefined;
}

function remember(row: ProductRow & MarkedProduct): KnownText {
  const made = { mark: row.mark, version: row.version, text: productJson(row) };
  known.set(row.id, made);
  return made;
}

type Asked = Pick<Database, "query">;

/**
 * The texts of the products, in their order, read for those only that are not known in this
 * state. What was discarded in between is left out.
 */
export async function readTexts(
  asked: Asked,
  products: readonly MarkedProduct[],
): Promise<ProductText[]> {
  const texts = new Map<string, ProductText>();
  const missing: string[] = [];
  for (const product of products) {
    const text = recall(product);
    if (text === undefined) missing.push(product.id);
    else texts.set(product.id, text);
  }
  if (missing.length > 0) {
    const { rows } = await asked.query<ProductRow & MarkedProduct>(sql`
      select ${productMark}, ${productSelection} from products_catalog.products p
       where p.id = any(${anyCount(missing)}) and not p.discarded`);
    for (const row of rows) texts.set(row.id, remember(row));
  }
  return products.flatMap(({ id }) => texts.get(id) ?? []);
}

/** The text of one product; undefined when there is none of this id. */
export async function readText(
  database: Pick<Database, "read">,
  id: string,
): Promise<ProductText | undefined> {
  const living = sql`from products_catalog.products p where p.id = ${id} and not p.discarded`;
  if (known.get(id) !== undefined) {
    const [product] = await database.read<MarkedProduct>(sql`select ${productMark} ${living}`);
    const text = product && recall(product);
    if (product === undefined || text !== undefined) return text;
  }
  const [row] = await database.read<ProductRow & MarkedProduct>(sql`
    select ${productMark}, ${productSelection} ${living}`);
  return row && remember(row);
}

/** The products that are there, in the order of the ids. */
export const markedProducts = (ids: readonly string[]): Sql => sql`
  select ${productMark}
    from unnest(${ids}::uuid[]) with ordinality as wanted (id, place)
    join products_catalog.products p on p.id = wanted.id
   where not p.discarded order by wanted.place`;

/** One row and column: the marks of those that are there; null without any. */
export const marksSql = (ids: readonly string[]): Sql => sql`
  select string_agg(concat_ws(' ', p.id, ${mark}), ',' order by p.id) as marks
    from products_catalog.products p where p.id = any(${anyCount(ids)}) and not p.discarded`;

/** The same text, of products that were read. */
export function marksOf(products: readonly MarkedProduct[]): string {
  return products
    .map(({ id, mark }) => `${id} ${mark}`)
    .toSorted()
    .join(",");
}

/** A text that is another one after any change of any of the products. */
export async function readProductMarks(
  ask: <Row>(statement: Sql) => Promise<Row[]>,
  ids: readonly string[],
): Promise<string> {
  if (ids.length === 0) return "";
  const [row] = await ask<{ marks: string | null }>(marksSql(ids));
  return row?.marks ?? "";
}
