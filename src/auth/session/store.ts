import type { Database, Transaction } from "../../platform/postgres.ts";
import { normaliseUuid } from "../../platform/ids.ts";
import { sessionLimits } from "../../platform/limits.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { LiveSession, LoadSession } from "../index.ts";
import { tokenRevoked } from "../revocation/revoked-tokens.ts";

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
  readonly amr: readonly string[];
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
}

interface SessionRow {
  id: string;
  account_id: string;
  tenant_id: string;
  counter: number;
  refresh_kid: string;
  device_digest: Buffer | null;
  device: string | null;
  network: string | null;
  country: string | null;
  amr: string[];
  created_at: Date;
  authenticated_at: Date;
  seen_at: Date;
  expires_at: Date;
  seconds_left: number;
}

/** To be used where `s` is a row of `auth.sessions`. */
const columns = sql`
  s.id, s.account_id, s.tenant_id, s.counter, s.refresh_kid, s.device_digest, s.device, s.network,
  s.country, s.amr, s.created_at, s.authenticated_at, s.seen_at, s.expires_at,
  extract(epoch FROM s.expires_at - now())::float8 AS seconds_left`;

const alive = sql`s.ended_at IS NULL AND s.expires_at > now()`;

function toSession(row: SessionRow): Session {
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
    amr: row.amr,
    createdAt: row.created_at,
    authenticatedAt: row.authenticated_at,
    seenAt: row.seen_at,
    expiresAt: row.expires_at,
    secondsLeft: Math.max(0, Math.floor(row.seconds_left)),
  });
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
             a.active, a.factors <> '{}' AS has_factor, ${tokenRevoked(tokenId)} AS token_revoked
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
  const { rows } = await tx.query<SessionRow>(sql`
    INSERT INTO auth.sessions AS s
      (id, account_id, tenant_id, refresh_kid, refresh_secret, device_digest, device, network, country,
       amr, idle_seconds, absolute_expires_at, expires_at)
    VALUES (${session.id}, ${session.accountId}, ${session.tenantId}, ${session.refreshKid},
            ${session.refreshSecret}, ${session.deviceDigest ?? null}, ${session.device ?? null},
            ${session.network ?? null}, ${session.country ?? null}, ${[...session.amr]},
            ${session.idleSeconds}, ${absolute},
            least(${absolute}, now() + make_interval(secs => ${session.idleSeconds})))
    RETURNING ${columns}`);
  return toSession(rows[0]!);
}

/** What a refresh token is checked against before anything is changed. */
export interface RefreshProof {
  readonly refreshSecret: Buffer;
  readonly deviceDigest: Buffer | undefined;
  readonly accountId: string;
  readonly tenantId: string;
}

/** Undefined: no such session, or one that is over. */
export async function findRefreshProof(
  database: Pick<Database, "read">,
  sessionId: string,
): Promise<RefreshProof | undefined> {
  const rows = await database.read<{
    refresh_secret: Buffer;
    device_digest: Buffer | null;
    account_id: string;
    tenant_id: string;
  }>(sql`
    SELECT s.refresh_secret, s.device_digest, s.account_id, s.tenant_id
      FROM auth.sessions s JOIN auth.accounts a ON a.id = s.account_id
     WHERE s.id = ${sessionId} AND a.active AND ${alive}`);
  const row = rows[0];
  return (
    row && {
      refreshSecret: row.refresh_secret,
      deviceDigest: row.device_digest ?? undefined,
      accountId: row.account_id,
      tenantId: row.tenant_id,
    }
  );
}

export interface Rotation {
  readonly sessionId: string;
  /** Of the token presented. */
  readonly counter: number;
  /** Of the key that the successor is to be made with. */
  readonly refreshKid: string;
  readonly deviceDigest: Buffer | undefined;
}

/**
 * The one statement of a refresh, on the database's clock. The present counter: advance. Its
 * direct parent within the grace time: change nothing but the count of such answers. The successor
 * follows from what is returned, so every process makes the same one. Undefined: neither.
 */
export async function rotate(
  database: Pick<Database, "query">,
  { sessionId, counter, refreshKid, deviceDigest }: Rotation,
): Promise<Session | undefined> {
  const isCurrent = sql`s.counter = ${counter}::int`;
  const isRetry = sql`(s.counter = ${counter}::int + 1
      AND s.rotated_at > now() - make_interval(secs => ${sessionLimits.graceSeconds})
      AND s.grace_count < ${sessionLimits.graceMaxCount})`;
  const set = (now: Sql, kept: Sql) => sql`CASE WHEN ${isCurrent} THEN ${now} ELSE ${kept} END`;
  const { rows } = await database.query<SessionRow>(sql`
    UPDATE auth.sessions AS s
       SET counter = ${set(sql`s.counter + 1`, sql`s.counter`)},
           refresh_kid = ${set(sql`${refreshKid}::text`, sql`s.refresh_kid`)},
           rotated_at = ${set(sql`now()`, sql`s.rotated_at`)},
           seen_at = ${set(sql`now()`, sql`s.seen_at`)},
           grace_count = ${set(sql`0`, sql`s.grace_count + 1`)},
           expires_at = ${set(
             sql`least(s.absolute_expires_at, now() + make_interval(secs => s.idle_seconds))`,
             sql`s.expires_at`,
           )}
     WHERE s.id = ${sessionId} AND ${alive}
       AND s.device_digest IS NOT DISTINCT FROM ${deviceDigest ?? null}::bytea
       AND (${isCurrent} OR ${isRetry})
    RETURNING ${columns}`);
  return rows[0] === undefined ? undefined : toSession(rows[0]);
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

/** One session of an account, all of them, or all but one. */
export interface SessionChoice {
  readonly accountId: string;
  readonly sessionId?: string | undefined;
  readonly except?: string | undefined;
}

/** Ends what is alive of the choice; returns the ids. Their token holders lose by `invalidate`. */
export async function endSessions(
  tx: Transaction,
  { accountId, sessionId, except }: SessionChoice,
  reason: string,
): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(sql`
    UPDATE auth.sessions AS s
       SET ended_at = now(), end_reason = ${reason}, expires_at = least(s.expires_at, now())
     WHERE s.account_id = ${accountId} AND ${alive}
       AND s.id = coalesce(${sessionId ?? null}::uuid, s.id)
       AND s.id IS DISTINCT FROM ${except ?? null}::uuid
    RETURNING s.id`);
  return rows.map((row) => row.id);
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

/** Removes a batch of sessions that are over for a day; returns how many went. */
export async function removeExpiredSessions(database: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await database.query(sql`
    DELETE FROM auth.sessions WHERE id IN (
      SELECT id FROM auth.sessions
       WHERE expires_at < now() - make_interval(secs => ${sessionLimits.keptSeconds})
       ORDER BY expires_at LIMIT ${sessionLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
