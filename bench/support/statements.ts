import type { Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";

/** A statement as the database saw it. */
export interface StatementCost {
  readonly text: string;
  readonly calls: number;
  readonly meanMs: number;
  readonly maxMs: number;
  readonly rows: number;
}

/** Rows of a table that were read from its beginning to its end, not by an index. */
export interface Scanned {
  readonly table: string;
  readonly scans: number;
  readonly rows: number;
}

/** Forgets what was counted so far. */
export async function forgetStatements(database: Database): Promise<void> {
  await database.query(sql`select pg_stat_statements_reset(), pg_stat_reset()`);
}

/** Those that take longest, on the average of all their calls. */
export async function slowestStatements(
  database: Database,
  count: number,
): Promise<StatementCost[]> {
  const { rows } = await database.query<StatementCost>(sql`
    select regexp_replace(query, '\\s+', ' ', 'g') as text, calls, mean_exec_time as "meanMs",
           max_exec_time as "maxMs", rows
      from pg_stat_statements
     where dbid = (select oid from pg_database where datname = current_database())
       and query !~* 'pg_stat' and query ~* '^\\s*(with|select)'
     order by mean_exec_time desc limit ${count}`);
  return rows;
}

/** Tables of more than a few rows that were scanned, the most rows first. */
export async function scannedTables(database: Database): Promise<Scanned[]> {
  const { rows } = await database.query<Scanned>(sql`
    select schemaname || '.' || relname as table, seq_scan as scans, seq_tup_read as rows
      from pg_stat_user_tables
     where seq_scan > 0 and n_live_tup > 500 order by seq_tup_read desc limit 10`);
  return rows;
}
