import type { Database, Transaction } from "../../platform/postgres.ts";
import { normaliseUuid } from "../../platform/ids.ts";
import { sessionLimits } from "../../platform/limits.ts";
import { sql } from "../../platform/sql.ts";
import type { Page } from "../../http/paging.ts";
import type { LiveSession, LoadSession } from "../index.ts";
import { tokenRevoked } from "../revocation/revoked-tokens.ts";
import type { SeenPlace, SessionFlag } from "./changes.ts";
import type { SessionRisk } from "./session-risk.ts";

/** One login and everything issued from it. Times are the database's. */
export interface Session {
  readonly id: string;
  readonly accountId: string;
  readonly tenantId: string;
  readonly counter: number;
  readonly refreshKid: string;
  readonly deviceDigest: Buffer | undefined;
  readonly device: string | undefined;
  readonly network: string | undefined;
  readonly country: string | undefined;
  /** Where it was opened or last refreshed. */
  readonly seen: SeenPlace;
  readonly flags: readonly SessionFlag[];
  readonly risk: readonly SessionRisk[];
  readonly amr: readonly string[];
  readonly createdAt: Date;
  /** When whoever holds it last proved who they are. */
  readonly authenticatedAt: Date;
  readonly seenAt: Date;
  readonly expiresAt: Date;
  /** Until `expiresAt` from now on, on the database's clock. */
  readonly secondsLeft: number;
}

export interface NewSession {
  readonly id: string;
  readonly accountId: string;
  readonly tenantId: string;
  readonly refreshKid: string;
  readonly refreshSecret: Buffer;
  readonly deviceDigest: Buffer | undefined;
  readonly device: string | undefined;
  readonly network: string | undefined;
  readonly country: string | undefined;
  /** Program and system by the user agent. */
  readonly agent: string | undefined;
  readonly amr: readonly string[];
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
}

export interface SessionRow {
  id: string;
  account_id: string;
  tenant_id: string;
  counter: number;
  refresh_kid: string;
  device_digest: Buffer | null;
  device: string | null;
  network: string | null;
  country: string | null;
  seen_network: string | null;
  seen_country: string | null;
  seen_agent: string | null;
  flags: SessionFlag[];
  risk: SessionRisk[];
  amr: string[];
  created_at: Date;
  authenticated_at: Date;
  seen_at: Date;
  expires_at: Date;
  seconds_left: number;
}

/** To be used where `s` is a row of `auth.sessions`. */
export const columns = sql`
  s.id, s.account_id, s.tenant_id, s.counter, s.refresh_kid, s.device_digest, s.device, s.network,
  s.country, s.seen_network, s.seen_country, s.seen_agent, s.flags, s.risk, s.amr, s.created_at,
  s.authenticated_at, s.seen_at, s.expires_at,
  extract(epoch FROM s.expires_at - now())::float8 AS seconds_left`;

/** True where `s` is a session that is not over. */
export const alive = sql`s.ended_at IS NULL AND s.expires_at > now()`;

export function toSession(row: SessionRow): Session {
  return Object.freeze({
    id: row.id,
    accountId: row.account_id,
    tenantId: row.tenant_id,
    counter: row.counter,
    refreshKid: row.refresh_kid,
    deviceDigest: row.device_digest ?? undefined,
    device: row.device ?? undefined,
    network: row.network ?? undefined,
    country: row.country ?? undefined,
    seen: toSeen(row),
    flags: row.flags,
    risk: row.risk,
    amr: row.amr,
    createdAt: row.created_at,
    authenticatedAt: row.authenticated_at,
    seenAt: row.seen_at,
    expiresAt: row.expires_at,
    secondsLeft: Math.max(0, Math.floor(row.seconds_left)),
  });
}

export function toSeen(
  row: Pick<SessionRow, "seen_network" | "seen_country" | "seen_agent">,
): SeenPlace {
  return {
    network: row.seen_network ?? undefined,
    country: row.seen_country ?? undefined,
    agent: row.seen_agent ?? undefined,
  };
}

interface LiveRow {
  id: string;
  account_id: string;
  tenant_id: string;
  email: string;
  username: string | null;
  name: string | null;
  email_verified: boolean;
  has_factor: boolean;
  active: boolean;
  token_revoked: boolean;
}

/** What authentication asks for each token it does not know: one read, session and account. */
export function createLoadSession(database: Pick<Database, "read">): LoadSession {
  return async (sessionId, tokenId): Promise<LiveSession | undefined> => {
    // No other spelling: a revocation names a session by this one.
    if (normaliseUuid(sessionId) !== sessionId) return undefined;
    const rows = await database.read<LiveRow>(sql`
      SELECT s.id, s.account_id, s.tenant_id, a.email, a.username, a.name, a.email_verified,
             a.active, a.factors <> '{}' AS has_factor,
             ${tokenRevoked(tokenId, sql`s.tenant_id`)} AS token_revoked
        FROM auth.sessions s JOIN auth.accounts a ON a.id = s.account_id
       WHERE s.id = ${sessionId} AND ${alive}`);
    const row = rows[0];
    return (
      row && {
        sessionId: row.id,
        accountId: row.account_id,
        tenantId: row.tenant_id,
        email: row.email,
        username: row.username ?? undefined,
        name: row.name ?? undefined,
        emailVerified: row.email_verified,
        hasFactor: row.has_factor,
        disabled: !row.active,
        tokenRevoked: row.token_revoked,
      }
    );
  };
}

export async function insertSession(tx: Transaction, session: NewSession): Promise<Session> {
  const absolute = sql`now() + make_interval(secs => ${session.absoluteSeconds})`;
  const { network = null, country = null, agent = null } = session;
  const { rows } = await tx.query<SessionRow>(sql`
    INSERT INTO auth.sessions AS s
      (id, account_id, tenant_id, refresh_kid, refresh_secret, device_digest, device, network, country,
       agent, seen_network, seen_country, seen_agent, amr, idle_seconds, absolute_expires_at, expires_at)
    VALUES (${session.id}, ${session.accountId}, ${session.tenantId}, ${session.refreshKid},
            ${session.refreshSecret}, ${session.deviceDigest ?? null}, ${session.device ?? null},
            ${network}, ${country}, ${agent}, ${network}, ${country}, ${agent}, ${[...session.amr]},
            ${session.idleSeconds}, ${absolute},
            least(${absolute}, now() + make_interval(secs => ${session.idleSeconds})))
    RETURNING ${columns}`);
  return toSession(rows[0]!);
}

/** Whoever holds the session proved it again; `amr` adds to what its tokens say. Undefined: over. */
export async function reauthenticate(
  tx: Transaction,
  { accountId, sessionId, amr }: { accountId: string; sessionId: string; amr: readonly string[] },
): Promise<Session | undefined> {
  const { rows } = await tx.query<SessionRow>(sql`
    UPDATE auth.sessions AS s
       SET authenticated_at = now(),
           amr = s.amr || ARRAY(SELECT m FROM unnest(${[...amr]}::text[]) AS m
                                 WHERE m <> ALL (s.amr))
     WHERE s.id = ${sessionId} AND s.account_id = ${accountId} AND ${alive}
    RETURNING ${columns}`);
  return rows[0] === undefined ? undefined : toSession(rows[0]);
}

/** Live sessions of an account, the last used first. */
export async function listSessions(
  asker: Pick<Database, "query"> | Transaction,
  accountId: string,
): Promise<Session[]> {
  const { rows } = await asker.query<SessionRow>(sql`
    SELECT ${columns} FROM auth.sessions s
     WHERE s.account_id = ${accountId} AND ${alive}
     ORDER BY s.seen_at DESC, s.id DESC LIMIT ${sessionLimits.listMaxCount}`);
  return rows.map(toSession);
}

/** A session of a tenant, and whether it is alive. Undefined: there is none, or none any more. */
export async function findSession(
  database: Pick<Database, "query">,
  sessionId: string,
  tenantId: string,
): Promise<{ readonly session: Session; readonly isAlive: boolean } | undefined> {
  const { rows } = await database.query<SessionRow & { is_alive: boolean }>(sql`
    SELECT ${columns}, (${alive}) AS is_alive FROM auth.sessions s
     WHERE s.id = ${sessionId} AND s.tenant_id = ${tenantId}`);
  return rows[0] && { session: toSession(rows[0]), isAlive: rows[0].is_alive };
}

export interface SessionFilter extends Page {
  readonly tenantId: string;
  readonly accountId: string | undefined;
}

/** Live sessions of a tenant, or of one of its accounts, the latest first. */
export async function pageSessions(
  database: Pick<Database, "query">,
  { tenantId, accountId, skip, limit }: SessionFilter,
): Promise<{ sessions: Session[]; total: number }> {
  const ofAccount = accountId === undefined ? sql`` : sql`AND s.account_id = ${accountId}`;
  const matching = sql`s.tenant_id = ${tenantId} AND ${alive} ${ofAccount}`;
  const { rows } = await database.query<Partial<SessionRow> & { total: number }>(sql`
    SELECT page.*, counted.total
      FROM (SELECT count(*)::int AS total FROM auth.sessions s WHERE ${matching}) AS counted
      LEFT JOIN (SELECT ${columns} FROM auth.sessions s WHERE ${matching}
        ORDER BY s.created_at DESC, s.id DESC LIMIT ${limit} OFFSET ${skip}) AS page ON true
     ORDER BY page.created_at DESC, page.id DESC`);
  const found = rows.filter((row) => row.id !== null) as SessionRow[];
  return { sessions: found.map(toSession), total: rows[0]?.total ?? 0 };
}

/** Live sessions of all tenants. */
export async function countLiveSessions(database: Pick<Database, "read">): Promise<number> {
  const rows = await database.read<{ n: number }>(
    sql`SELECT count(*)::int AS n FROM auth.sessions s WHERE ${alive}`,
  );
  return rows[0]!.n;
}
