import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/** What one thread counted for one key since it last wrote. */
export interface CountedUse {
  readonly id: string;
  readonly usedAtMs: number;
  readonly network: string | undefined;
  /** First day of the period that was counted in. */
  readonly periodStart: string;
  readonly count: number;
}

/** What all processes counted in that period. */
export interface UsedTotal {
  readonly periodStart: string;
  readonly used: number;
}

/**
 * Adds what was counted, in one statement for all keys, in one order for all writers. A count for a
 * period that is over for the database is dropped; keys that are gone have no row.
 */
export async function writeUsage(
  database: Pick<Database, "query">,
  counted: readonly CountedUse[],
): Promise<ReadonlyMap<string, UsedTotal>> {
  const { rows } = await database.query<{ key_id: string; period_start: string; used: number }>(sql`
    INSERT INTO auth.api_key_usage AS u
      (key_id, last_used_at, last_network, period_start, used)
    SELECT k.id, to_timestamp(n.used_at_ms / 1000.0), n.network, n.period_start, n.used
      FROM unnest(${counted.map(({ id }) => id)}::uuid[],
                  ${counted.map(({ usedAtMs }) => usedAtMs)}::bigint[],
                  ${counted.map(({ network }) => network ?? null)}::text[],
                  ${counted.map(({ periodStart }) => periodStart)}::date[],
                  ${counted.map(({ count }) => count)}::bigint[])
           AS n (id, used_at_ms, network, period_start, used)
      JOIN auth.api_keys k ON k.id = n.id
     ORDER BY k.id
    ON CONFLICT (key_id) DO UPDATE
      SET last_used_at = greatest(u.last_used_at, excluded.last_used_at),
          last_network = CASE WHEN excluded.last_used_at >= u.last_used_at
                              THEN excluded.last_network ELSE u.last_network END,
          period_start = greatest(u.period_start, excluded.period_start),
          used = CASE WHEN excluded.period_start > u.period_start THEN excluded.used
                      WHEN excluded.period_start = u.period_start THEN u.used + excluded.used
                      ELSE u.used END
    RETURNING key_id, period_start::text, used`);
  return new Map(
    rows.map((row) => [row.key_id, { periodStart: row.period_start, used: row.used }]),
  );
}
