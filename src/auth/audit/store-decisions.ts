import { decisionLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Decision } from "./decision.ts";

/** A decision as it is read back. */
export interface StoredDecision {
  readonly at: Date;
  readonly request_id: string;
  readonly status: number;
  readonly code: string;
  readonly reason: string;
  readonly method: string;
  readonly route: string | null;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly session_id: string | null;
  readonly network: string | null;
  readonly agent: string | null;
}

/** Writes a batch in one statement. */
export async function insertDecisions(
  database: Pick<Database, "query">,
  batch: readonly Decision[],
): Promise<void> {
  if (batch.length === 0) return;
  const column = (name: keyof Decision) => batch.map((each) => stored(each[name]));
  await database.query(sql`
    INSERT INTO auth.decisions (at, request_id, tenant_id, status, code, reason, method, route,
      issuer, subject, session_id, network, agent)
    SELECT to_timestamp(ms / 1000), request_id, tenant_id, status, code, reason, method, route,
      issuer, subject, session_id, network, agent
    FROM unnest(${column("atMs")}::float8[], ${column("requestId")}::text[],
      ${column("tenantId")}::text[], ${column("status")}::smallint[], ${column("code")}::text[],
      ${column("reason")}::text[], ${column("method")}::text[], ${column("route")}::text[],
      ${column("issuer")}::text[], ${column("subject")}::text[], ${column("sessionId")}::text[],
      ${column("network")}::text[], ${column("agent")}::text[])
      AS batch (ms, request_id, tenant_id, status, code, reason, method, route, issuer, subject,
        session_id, network, agent)`);
}

/** A claim of a foreign token may hold what PostgreSQL's text cannot. */
function stored(value: string | number | undefined): string | number | null {
  return typeof value === "string" ? value.replaceAll("\0", "") : (value ?? null);
}

/**
 * The newest decisions under a reference. Whoever calls may choose its own request id, so there may
 * be several. `withStrangers`: also those of callers of no known tenant.
 */
export async function findDecisions(
  database: Pick<Database, "read">,
  {
    requestId,
    tenantId,
    withStrangers,
  }: {
    requestId: string;
    tenantId: string;
    withStrangers: boolean;
  },
): Promise<StoredDecision[]> {
  return database.read<StoredDecision>(sql`
    SELECT at, request_id, status, code, reason, method, route, issuer, subject, session_id,
      network, agent
    FROM auth.decisions
    WHERE request_id = ${requestId}
      AND (tenant_id = ${tenantId} OR (${withStrangers} AND tenant_id IS NULL))
    ORDER BY number DESC LIMIT ${decisionLimits.answersMax}`);
}

/** Removes decisions that are old, or beyond the number that is kept. One batch a call. */
export async function removeOldDecisions(database: Pick<Database, "query">): Promise<number> {
  const { keptSeconds, rowsMax, cleanBatchMax } = decisionLimits;
  const { rowCount } = await database.query(sql`
    DELETE FROM auth.decisions WHERE number IN (
      SELECT number FROM auth.decisions WHERE number <= greatest(
        (SELECT max(number) FROM auth.decisions
          WHERE at < now() - make_interval(secs => ${keptSeconds})),
        (SELECT max(number) FROM auth.decisions) - ${rowsMax}::bigint)
      ORDER BY number LIMIT ${cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
