import { toPagination, type Page } from "../../http/paging.ts";
import { createKeptByRevision, type AtRevision } from "../../platform/kept-by-revision.ts";
import { mealLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { createRecent } from "../../platform/recent.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { writeAllFacts } from "./facts-text.ts";
import type { BodyMemory, JsonBody } from "./json-body.ts";

/** A list as its store describes it. */
export interface ListedTexts {
  /** Everything that decides what matches and who may see it. JSON can hold it. */
  readonly matching: unknown;
  readonly sort: string;
  /** What else decides how the texts look. */
  readonly detail?: string;
  readonly page: Page;
  /** Of all that the filter, the order and the texts can see. */
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

interface PageRow {
  readonly revision: number;
  readonly rows: number;
  /** JSON texts, comma separated; null: nothing is on it. */
  readonly texts: string | null;
}

/**
 * Lists of one kind: the body of the answer, with its pagination. To find and count what matches,
 * and to read it, takes a hundred times longer than to read a revision, so pages are kept for as
 * long as theirs stands.
 */
export function createTextLists(kind: string, database: Database, memory: BodyMemory) {
  const pages = createKeptByRevision(
    memory.of<AtRevision<JsonBody>>(`page of ${kind}`, ({ value }) => value.byteLength),
  );
  const totals = createKeptByRevision(createRecent<AtRevision<number>>(mealLimits.totalsMax));

  async function makePage(list: ListedTexts): Promise<PageRow> {
    const { rows } = await database.query<PageRow>(
      sql.unnamed(sql`
        select ${list.revision} as revision, count(page.id) as rows,
               string_agg(${list.text}, ',' order by page.place) as texts
          from unnest(array(
                 select ${list.id} from ${list.found()}
                  order by ${list.order} offset ${list.page.skip} limit ${list.page.limit}
               )) with ordinality as page (id, place) ${list.shown}`),
    );
    return rows[0]!;
  }

  async function count(list: ListedTexts) {
    const { rows } = await database.query<{ revision: number; value: number }>(
      sql.unnamed(sql`
        select ${list.revision} as revision, count(*) as value from ${list.found()}`),
    );
    return rows[0]!;
  }

  return async (list: ListedTexts): Promise<JsonBody> => {
    const { matching, sort, detail = "", page } = list;
    const [state] = await database.read<{ revision: number }>(
      sql`select ${list.revision} as revision`,
    );
    const key = JSON.stringify([matching, sort, detail, page.skip, page.limit]);
    return pages.at(state!.revision, key, async () => {
      const { revision, rows, texts } = await makePage(list);
      const isLastPage = rows < page.limit && (rows > 0 || page.skip === 0);
      // Should it be of a newer revision than the page, the page is not asked for any more.
      const total = isLastPage
        ? page.skip + rows
        : await totals.at(revision, JSON.stringify(matching), () => count(list));
      const data = writeAllFacts(texts ?? "");
      const pagination = JSON.stringify(toPagination(page, total));
      return { revision, value: Buffer.from(`{"data":[${data}],"pagination":${pagination}}`) };
    });
  };
}
