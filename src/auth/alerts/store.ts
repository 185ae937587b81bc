import { throttleLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/**
 * Takes the one alert that a kind and a subject have in a window. Undefined: it was taken, and this
 * one is counted. Else how many the window before held back. One statement: of any number of
 * callers at once, in however many processes, one gets it.
 */
export async function takeAlert(
  asker: Transaction | Pick<Database, "query">,
  kind: string,
  subject: string,
  windowSeconds: number,
): Promise<{ suppressed: number } | undefined> {
  const ends = sql`clock_timestamp() + make_interval(secs => ${windowSeconds}::integer)`;
  const isOver = sql`w.ends_at <= clock_timestamp()`;
  const { rows } = await asker.query<{ suppressed: number; before: number }>(sql`
    INSERT INTO auth.alert_windows AS w (kind, subject, ends_at)
    VALUES (${kind}, ${subject}, ${ends})
    ON CONFLICT (kind, subject) DO UPDATE
      SET ends_at = CASE WHEN ${isOver} THEN ${ends} ELSE w.ends_at END,
          before = CASE WHEN ${isOver} THEN w.suppressed ELSE w.before END,
          suppressed = CASE WHEN ${isOver} THEN 0 ELSE w.suppressed + 1 END
    RETURNING suppressed, before`);
  const { suppressed, before } = rows[0]!;
  return suppressed === 0 ? { suppressed: before } : undefined;
}

/** Removes a batch of windows that ended long ago; returns how many went. */
export async function removeOldWindows(asker: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.alert_windows WHERE (kind, subject) IN (
      SELECT kind, subject FROM auth.alert_windows
       WHERE ends_at < clock_timestamp() - interval '1 day'
       LIMIT ${throttleLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
