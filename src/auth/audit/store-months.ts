import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/** Makes the partition of the month that is `further` months from now; false when it is there. */
export async function makeMonth(
  database: Pick<Database, "query">,
  further: number,
): Promise<boolean> {
  const { rows } = await database.query<{ made: boolean }>(
    sql`SELECT auth.make_audit_month(auth.audit_month(now(), ${further})) AS made`,
  );
  return rows[0]!.made;
}

/** Makes partitions for events that came before there was one for them; returns how many. */
export async function makeMissingMonths(database: Pick<Database, "query">): Promise<number> {
  const { rows } = await database.query<{ month: string }>(sql`
    SELECT DISTINCT auth.audit_month(at)::text AS month FROM auth.audit_log_rest`);
  for (const { month } of rows) {
    await database.query(sql`SELECT auth.make_audit_month(${month}::timestamptz)`);
  }
  return rows.length;
}

/**
 * Drops the oldest month that ended at least `monthsKept` months ago. Whoever writes an event waits
 * for that, so it does not wait long itself. False when there is none. Throws when it is not
 * sealed yet, or the log was busy: the next turn tries again.
 */
export async function dropOldestMonth(
  database: Pick<Database, "withTransaction">,
  monthsKept: number,
  lockMs: number,
): Promise<boolean> {
  return database.withTransaction(async (tx) => {
    await tx.query(sql`SELECT set_config('lock_timeout', ${String(lockMs)}, true)`);
    const { rows } = await tx.query<{ dropped: boolean }>(sql`
      SELECT auth.drop_audit_month(low) AS dropped
      FROM (SELECT make_timestamptz(left(right(relname, 7), 4)::integer,
          right(relname, 2)::integer, 1, 0, 0, 0, 'UTC') AS low
        FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'auth.audit_log'::regclass AND relname ~ '_y[0-9]{4}m[0-9]{2}$'
        ORDER BY relname LIMIT 1) AS oldest
      WHERE low < auth.audit_month(now(), ${-monthsKept})`);
    return rows[0]?.dropped ?? false;
  });
}
