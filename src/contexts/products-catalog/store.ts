import { toPagination } from "../../http/paging.ts";
import { createKeptByRevision, type AtRevision } from "../../platform/kept-by-revision.ts";
import { productLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { createRecent } from "../../platform/recent.ts";
import { anyCount } from "../../platform/sql-page.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { constantSql } from "./columns.ts";
import type { JsonBody, ProductAnswers } from "./product-answers.ts";
import { conditionOf, orderOf, type ProductFilter, type ProductSort } from "./product-filter.ts";
import {
  productMark,
  readText,
  readTexts,
  type MarkedProduct,
  type ProductText,
} from "./product-texts.ts";

export interface Page {
  readonly skip: number;
  readonly limit: number;
}

/** Reads products. Writing is in `store-write.ts`. */
export interface ProductStore {
  find(id: string): Promise<ProductText | undefined>;
  /** The body of the answer. */
  list(filter: ProductFilter, sort: ProductSort, page: Page): Promise<JsonBody>;
}

/** JSON texts of those of the products that are there, in the caller's transaction, by id. */
export async function findProductTexts(
  tx: Pick<Database, "query">,
  ids: readonly string[],
): Promise<string[]> {
  const { rows } = await tx.query<MarkedProduct>(sql`
    select ${productMark} from products_catalog.products p
     where p.id = any(${anyCount(ids)}) and not p.discarded order by p.id`);
  return (await readTexts(tx, rows)).map(({ text }) => text);
}

export function createProductStore(database: Database, answers: ProductAnswers): ProductStore {
  const totals = createKeptByRevision(createRecent<AtRevision<number>>(productLimits.totalsMax));

  async function count(filter: ProductFilter) {
    const statement = sql`
        select count(*) as value,
               (select revision from products_catalog.catalogue_revision) as revision
          from products_catalog.products p where ${conditionOf(filter)}`;
    const { rows } = await database.query<AtRevision<number>>(
      keptIf(filtersOf(filter) <= 1, statement),
    );
    return rows[0]!;
  }

  async function findPage(filter: ProductFilter, sort: ProductSort, page: Page) {
    const { skip, limit } = page;
    // The ids come first, from an index alone, so a far page reads no rows that it skips; the
    // revision is read in the same snapshot, also when the page is empty.
    const statement = sql`
        select state.revision, ${productMark}
          from products_catalog.catalogue_revision state
          left join (unnest(array(
              select p.id from products_catalog.products p
               where ${conditionOf(filter)}
               order by ${orderOf(sort)} ${rangeOf(skip, limit)}
            )) with ordinality as page (id, place)
            join products_catalog.products p on p.id = page.id and page.place <= ${limit}) on true
         order by page.place`;
    const { rows } = await database.query<MarkedProduct & { revision: number }>(
      keptIf(filtersOf(filter) <= (sort === "-created_at" ? 1 : 0), statement),
    );
    const { revision } = rows[0]!;
    const marked = rows.filter((row) => row.id !== null);
    const isLastPage = marked.length < limit && (marked.length > 0 || skip === 0);
    const total = isLastPage
      ? skip + marked.length
      : await totals.at(revision, JSON.stringify(filter), () => count(filter));
    const ids = marked.map(({ id }) => id);
    return { revision, ids, marked, pagination: toPagination(page, total) };
  }

  return {
    find: (id) => readText(database, id),

    list: (filter, sort, page) =>
      answers.of(JSON.stringify([filter, sort, page.skip, page.limit]), () =>
        findPage(filter, sort, page),
      ),
  };
}

function filtersOf(filter: ProductFilter): number {
  return Object.keys(filter).length;
}

/**
 * Filters and orders make thousands of texts, and a connection that kept the plans of all of them
 * would hold hundreds of megabytes of the server: only the usual ones are kept.
 */
function keptIf(isUsual: boolean, statement: Sql): Sql {
  return isUsual ? statement : sql.unnamed(statement);
}

const RANGES = [20, 50, 100, productLimits.pageItemsMax].map((rows) => ({
  rows,
  first: constantSql(`limit ${rows}`),
}));

/**
 * OFFSET and LIMIT as constants for the usual first pages, at least `limit` rows. With parameters
 * the planner would guess a tenth of the table and so plan anew for each request, which costs as
 * much as running the statement.
 */
function rangeOf(skip: number, limit: number): Sql {
  const range = RANGES.find(({ rows }) => rows >= limit);
  return skip === 0 && range !== undefined ? range.first : sql`offset ${skip} limit ${limit}`;
}
