import { sql, type Sql } from "./sql.ts";

const FIRST_PAGES: ReadonlyMap<number, Sql> = new Map([
  [10, sql`LIMIT 10`],
  [20, sql`LIMIT 20`],
  [50, sql`LIMIT 50`],
  [100, sql`LIMIT 100`],
  [200, sql`LIMIT 200`],
]);

/**
 * LIMIT and OFFSET of a list; as constants for first pages of the usual sizes. With parameters the
 * planner takes a tenth of all rows for the page, finds that dearer than a plan for the numbers at
 * hand, and so plans anew for each request, which costs as much as running the statement.
 */
export function pageSql(skip: number, limit: number): Sql {
  const first = skip === 0 ? FIRST_PAGES.get(limit) : undefined;
  return first ?? sql`LIMIT ${limit} OFFSET ${skip}`;
}

/**
 * Ids for `= any(…)`, of which the planner does not know how many they are. Where it knows, a plan
 * for the number at hand seems cheaper than one for all, and so it plans anew for each request.
 */
export const anyCount = (ids: readonly string[]): Sql => sql`array(select unnest(${ids}::uuid[]))`;
