import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { DEFAULT_TENANT_ID } from "../../platform/ids.ts";
import { NO_TENANT_CHAIN } from "./chain.ts";

/** One event as the log holds it. */
export interface StoredEvent {
  readonly number: number;
  readonly at: Date;
  readonly action: string;
  readonly actor: string | null;
  readonly subject: string | null;
  readonly tenant_id: string | null;
  readonly session_id: string | null;
  readonly reason: string | null;
  readonly request_id: string | null;
  readonly network: string | null;
  readonly country: string | null;
  readonly device: string | null;
}

/** Which events; what is undefined does not matter. */
export interface EventFilter {
  readonly actor?: string | undefined;
  readonly subject?: string | undefined;
  readonly action?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly network?: string | undefined;
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

const COLUMNS: Sql = sql`number, at, action, actor, subject, tenant_id, session_id, reason,
  request_id, network, country, device`;

/**
 * Events, newest first, older than the event `before`. With a tenant only its own; the default
 * tenant's auditors also see the events of nobody's tenant.
 */
export async function listEvents(
  database: Pick<Database, "read">,
  filter: EventFilter,
  page: {
    readonly tenantId: string | undefined;
    /** The tenant's own alone; the zero id stands for no tenant. */
    readonly exactly?: boolean;
    readonly before?: number | undefined;
    readonly limit: number;
  },
): Promise<StoredEvent[]> {
  const conditions = [...ofTenant(page.tenantId, page.exactly), ...conditionsOf(filter)];
  if (page.before !== undefined) conditions.push(sql`number < ${page.before}`);
  return database.read<StoredEvent>(sql`
    SELECT ${COLUMNS} FROM auth.audit_log
    ${where(conditions)} ORDER BY number DESC LIMIT ${page.limit}`);
}

function ofTenant(tenantId: string | undefined, exactly = false): Sql[] {
  if (tenantId === undefined) return [];
  if (tenantId === NO_TENANT_CHAIN) return [sql`tenant_id IS NULL`];
  return tenantId === DEFAULT_TENANT_ID && !exactly
    ? [sql`(tenant_id = ${tenantId} OR tenant_id IS NULL)`]
    : [sql`tenant_id = ${tenantId}`];
}

function conditionsOf(filter: EventFilter): Sql[] {
  const { actor, subject, action, sessionId, requestId, network, from, to } = filter;
  return [
    ...(actor === undefined ? [] : [sql`actor = ${actor}`]),
    ...(subject === undefined ? [] : [sql`subject = ${subject}`]),
    ...(action === undefined ? [] : [sql`action = ${action}`]),
    ...(sessionId === undefined ? [] : [sql`session_id = ${sessionId}`]),
    ...(requestId === undefined ? [] : [sql`request_id = ${requestId}`]),
    ...(network === undefined ? [] : [sql`network = ${network}`]),
    ...(from === undefined ? [] : [sql`at >= ${from}`]),
    ...(to === undefined ? [] : [sql`at < ${to}`]),
  ];
}

function where(conditions: readonly Sql[]): Sql {
  return conditions.length === 0 ? sql.empty : sql`WHERE ${sql.join(conditions, sql` AND `)}`;
}
