import type { Route } from "../../src/http/route.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { sql, type Sql } from "../../src/platform/sql.ts";
import { showing } from "./kept-statements.ts";

/** A node of a plan that reads a table or an index. */
export interface Scan {
  readonly kind: string;
  /** Without its schema; a bitmap of an index names none. */
  readonly table: string | undefined;
  readonly index: string | undefined;
  /** What the index narrows it by. */
  readonly condition: string | undefined;
}

export interface Plan {
  readonly scans: readonly Scan[];
  /** What is brought into order because no index holds it so. */
  readonly sorts: readonly string[];
}

/** The same database, which keeps every statement that is sent. */
export function sentBy(database: Database): { database: Database; statements: Sql[] } {
  const statements: Sql[] = [];
  return { statements, database: showing(database, (statement) => statements.push(statement)) };
}

/**
 * How the statement would be run where reading a table from its beginning to its end is out of the
 * question: what has no index for it is still read so.
 */
export async function planOf(database: Database, statement: Sql): Promise<Plan> {
  const [row] = await database.withTransaction(async (tx) => {
    await tx.query(sql`set local enable_seqscan = off`);
    const text = `explain (format json) ${statement.text}`;
    const { rows } = await tx.query<{ "QUERY PLAN": any }>({ text, values: statement.values });
    return rows;
  });
  const [{ Plan: top }] = row!["QUERY PLAN"];
  const scans: Scan[] = [];
  const sorts: string[] = [];
  const visit = (node: any): void => {
    const kind: string = node["Node Type"];
    if (kind.endsWith("Scan") && (node["Relation Name"] ?? node["Index Name"]) !== undefined) {
      const [table, index] = [node["Relation Name"], node["Index Name"]];
      // The table of a bitmap is read where its index says.
      if (kind !== "Bitmap Heap Scan")
        scans.push({ kind, table, index, condition: node["Index Cond"] });
    }
    if (kind === "Sort" || kind === "Incremental Sort") sorts.push(String(node["Sort Key"]));
    for (const child of node.Plans ?? []) visit(child);
  };
  visit(top);
  return { scans, sorts };
}

/** Tables that have more rows than this, as the planner knows them. */
export async function largeTables(database: Database, rows: number): Promise<ReadonlySet<string>> {
  const { rows: tables } = await database.query<{ name: string }>(sql`
    select relname as name from pg_class where relkind = 'r' and reltuples > ${rows}`);
  return new Set(tables.map(({ name }) => name));
}

/** Scans that walk through the whole of a table or of an index. */
export function wholeScans(plan: Plan, large: ReadonlySet<string>): Scan[] {
  return plan.scans.filter(({ kind, table, condition }) => {
    if (kind === "Seq Scan") return large.has(table!);
    return condition === undefined && (table === undefined || large.has(table));
  });
}

export interface OfferedList {
  readonly path: string;
  readonly sorts: readonly string[];
  readonly filters: readonly string[];
}

const PAGING = ["skip", "limit", "sort"];

/** Lists that have pages, with every order and every filter that their routes declare. */
export function offeredLists(routes: readonly Route[]): OfferedList[] {
  return routes.flatMap(({ method, path, query }) => {
    const properties = (query as { properties?: Record<string, { enum?: string[] }> } | undefined)
      ?.properties;
    if (method !== "GET" || properties?.["skip"] === undefined) return [];
    const filters = Object.keys(properties).filter((name) => !PAGING.includes(name));
    return [{ path, sorts: properties["sort"]?.enum ?? [], filters }];
  });
}
