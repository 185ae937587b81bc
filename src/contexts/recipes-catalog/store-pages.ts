import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { withAllFacts } from "./facts-text.ts";
import { createPageMemory, type PageRow } from "./page-memory.ts";

/** JSON texts with commas between them, and how many there are on all pages. */
export interface TextPage {
  readonly texts: string;
  readonly total: number;
}

/** A list as its store describes it. */
export interface ListedTexts {
  /** Everything that decides what matches. JSON can hold it. */
  readonly matching: unknown;
  readonly sort: string;
  readonly page: Page;
  /** Of all that the filter and the order can see. */
  readonly revision: Sql;
  /** Tables and WHERE of what matches; not asked for where the page is known. */
  found(): Sql;
  /** The column of the id, and the order, among what was found. */
  readonly id: Sql;
  readonly order: Sql;
  /** Joins the rows to `page (id, place)`, with a WHERE for what the caller may see. */
  readonly shown: Sql;
  /** JSON text of a shown row. */
  readonly text: Sql;
}

/** Lists of one kind, whose pages are remembered together. */
export function createTextLists(database: Database) {
  const memory = createPageMemory();
  return async (list: ListedTexts): Promise<TextPage> => {
    const { matching, sort, page, revision } = list;
    const pageOf = (ids: Sql) => sql`
      select ${revision} as revision, string_agg(page.id::text, ',' order by page.place) as ids,
             string_agg(${list.text}, ',' order by page.place) as texts
        from unnest(${ids}) with ordinality as page (id, place) ${list.shown}`;
    const { texts, total } = await memory.list({
      matching,
      sort,
      page,
      read: async (ids) => (await database.read<PageRow>(pageOf(sql`${ids}::uuid[]`)))[0]!,
      find: async () => {
        const ids = sql`array(
          select ${list.id} from ${list.found()}
           order by ${list.order} offset ${page.skip} limit ${page.limit})`;
        return (await database.query<PageRow>(sql.unnamed(pageOf(ids)))).rows[0]!;
      },
      count: async () => {
        const { rows } = await database.query<{ revision: number; total: number }>(
          sql.unnamed(sql`
            select ${revision} as revision, count(*) as total from ${list.found()}`),
        );
        return rows[0]!;
      },
    });
    return { texts: withAllFacts(texts), total };
  };
}
