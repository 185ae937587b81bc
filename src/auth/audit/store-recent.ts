import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { AuditAction } from "./store.ts";

type Asker = Transaction | Pick<Database, "query">;

/**
 * True if it happened to somebody not longer ago than this. By `now()`, as below: with a clock that
 * moves within a statement PostgreSQL would look into every month there is.
 */
export async function hadEvent(
  asker: Asker,
  subject: string,
  action: AuditAction,
  seconds: number,
): Promise<boolean> {
  const { rows } = await asker.query<{ had: boolean }>(sql`
    SELECT EXISTS (
      SELECT FROM auth.audit_log
       WHERE subject = ${subject} AND action = ${action}
         AND at > now() - make_interval(secs => ${seconds}::integer)) AS had`);
  return rows[0]!.had;
}

/** Only so many of the last events are looked through, however often something happens. */
const RECENT_EVENTS = 100_000;

/**
 * To whom `then` happened a moment ago, not longer than `withinSeconds` after `first`. Looked up
 * from the later of the two, which are few.
 */
export async function findSequences(
  asker: Asker,
  [first, then]: readonly [AuditAction, AuditAction],
  {
    recentSeconds,
    withinSeconds,
    limit,
  }: {
    readonly recentSeconds: number;
    readonly withinSeconds: number;
    readonly limit: number;
  },
): Promise<{ subject: string; tenantId: string | undefined }[]> {
  const since = sql`(SELECT max(number) FROM auth.audit_log) - ${RECENT_EVENTS}::bigint`;
  const { rows } = await asker.query<{ subject: string; tenant_id: string | null }>(sql`
    SELECT DISTINCT later.subject, later.tenant_id
      FROM auth.audit_log later
     WHERE later.action = ${then} AND later.subject IS NOT NULL
       AND later.number > ${since}
       AND later.at > now() - make_interval(secs => ${recentSeconds}::integer)
       AND EXISTS (
         SELECT FROM auth.audit_log sooner
          WHERE sooner.subject = later.subject AND sooner.action = ${first}
            AND sooner.number < later.number AND sooner.number > ${since}
            AND sooner.at > now() - make_interval(secs => ${recentSeconds + withinSeconds}::integer)
            AND sooner.at > later.at - make_interval(secs => ${withinSeconds}::integer))
     LIMIT ${limit}`);
  return rows.map((row) => ({ subject: row.subject, tenantId: row.tenant_id ?? undefined }));
}
