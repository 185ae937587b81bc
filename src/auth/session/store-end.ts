import type { Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { activityLimits, sessionLimits } from "../../platform/limits.ts";
import { sql } from "../../platform/sql.ts";
import { createSessionMetrics, type EndReason } from "./metrics.ts";
import { alive } from "./store.ts";

/** One session of an account, all of them, or all but one; or one session of a tenant. */
export type SessionChoice =
  | {
      readonly accountId: string;
      readonly tenantId?: string | undefined;
      readonly sessionId?: string | undefined;
      readonly except?: string | undefined;
    }
  | {
      readonly accountId?: undefined;
      readonly tenantId: string;
      readonly sessionId: string;
      readonly except?: undefined;
    };

export interface EndedSession {
  readonly id: string;
  readonly accountId: string;
}

/** Ends what is alive of the choice, and counts it. Their token holders lose by `invalidate`. */
export async function endSessions(
  tx: Transaction,
  { accountId, tenantId, sessionId, except }: SessionChoice,
  reason: EndReason,
  metrics: Metrics,
): Promise<EndedSession[]> {
  const none = sql``;
  const { rows } = await tx.query<{ id: string; account_id: string }>(sql`
    UPDATE auth.sessions AS s
       SET ended_at = now(), end_reason = ${reason}, expires_at = least(s.expires_at, now())
     WHERE ${alive}
       ${accountId === undefined ? none : sql`AND s.account_id = ${accountId}`}
       ${tenantId === undefined ? none : sql`AND s.tenant_id = ${tenantId}`}
       ${sessionId === undefined ? none : sql`AND s.id = ${sessionId}`}
       ${except === undefined ? none : sql`AND s.id <> ${except}`}
    RETURNING s.id, s.account_id`);
  if (rows.length > 0) {
    tx.afterCommit(() => createSessionMetrics(metrics).ended(reason, rows.length));
  }
  return rows.map((row) => ({ id: row.id, accountId: row.account_id }));
}

/**
 * Ends a session whose authentic refresh token has a counter that `rotate` refused. `reused`: the
 * token was used before, `ahead`: the database is older than the token. Undefined: the session was
 * over already, or the token is the present one after all.
 */
export async function endForCounter(
  tx: Transaction,
  sessionId: string,
  counter: number,
): Promise<"reused" | "ahead" | undefined> {
  const { rows } = await tx.query<{ reused: boolean }>(sql`
    UPDATE auth.sessions AS s
       SET ended_at = now(), expires_at = least(s.expires_at, now()),
           end_reason = CASE WHEN s.counter > ${counter}::int
             THEN 'refresh_reuse' ELSE 'refresh_ahead' END
     WHERE s.id = ${sessionId} AND ${alive} AND s.counter <> ${counter}::int
    RETURNING s.counter > ${counter}::int AS reused`);
  if (rows[0] === undefined) return undefined;
  return rows[0].reused ? "reused" : "ahead";
}

/** Writes down that sessions were used just now; returns how many rows that changed. */
export async function noteActivity(
  database: Pick<Database, "query">,
  sessionIds: readonly string[],
): Promise<number> {
  const { rows } = await database.query<{ noted: number }>(sql`
    SELECT auth.note_activity(${[...sessionIds]}::uuid[],
      make_interval(secs => ${activityLimits.quietSeconds})) AS noted`);
  return rows[0]!.noted;
}

/** Removes a batch of sessions that are over for a day; returns how many went. */
export async function removeExpiredSessions(database: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await database.query(sql`
    DELETE FROM auth.sessions WHERE id IN (
      SELECT id FROM auth.sessions
       WHERE expires_at < now() - make_interval(secs => ${sessionLimits.keptSeconds})
       ORDER BY expires_at LIMIT ${sessionLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
