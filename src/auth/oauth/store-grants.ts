import { clientLimits, sessionLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { Client } from "./store.ts";

export interface NewGrant {
  readonly id: string;
  readonly client: Client;
  readonly scope: string;
  readonly audience: string;
  readonly refreshKid: string;
  readonly refreshSecret: Buffer;
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
}

/**
 * A client that has as many live grants as it may loses the one that was used the longest ago.
 * Makers of one client take turns, so that parallel ones cannot pass the limit together.
 */
export async function insertGrant(tx: Transaction, grant: NewGrant): Promise<void> {
  const { client } = grant;
  await tx.query(sql`
    SELECT pg_advisory_xact_lock(hashtextextended(${`client_grants:${client.id}`}, 0))`);
  await tx.query(sql`
    DELETE FROM auth.client_grants WHERE id IN (
      SELECT g.id FROM auth.client_grants g WHERE ${alive(client)}
       ORDER BY g.rotated_at DESC, g.id DESC OFFSET ${clientLimits.grantsMaxCount - 1})`);
  const absolute = sql`now() + make_interval(secs => ${grant.absoluteSeconds})`;
  await tx.query(sql`
    INSERT INTO auth.client_grants
      (id, client_id, session_id, scope, audience, refresh_kid, refresh_secret, idle_seconds,
       absolute_expires_at, expires_at)
    VALUES (${grant.id}, ${client.id}, ${client.sessionId}, ${grant.scope},
            ${grant.audience}, ${grant.refreshKid}, ${grant.refreshSecret}, ${grant.idleSeconds},
            ${absolute}, least(${absolute}, now() + make_interval(secs => ${grant.idleSeconds})))`);
}

/** What a client's refresh token is checked against. */
export interface GrantProof {
  readonly refreshSecret: Buffer;
  readonly scope: string;
  readonly audience: string;
  /** Of the present token. */
  readonly counter: number;
  readonly expiresAt: Date;
}

// Of this client, not over, and granted under what its tokens carry now.
const alive = (client: Client): Sql => sql`g.client_id = ${client.id}
  AND g.session_id = ${client.sessionId} AND g.ended_at IS NULL AND g.expires_at > now()`;

export async function findGrant(
  database: Pick<Database, "read">,
  grantId: string,
  client: Client,
): Promise<GrantProof | undefined> {
  const rows = await database.read<{
    refresh_secret: Buffer;
    scope: string;
    audience: string;
    counter: number;
    expires_at: Date;
  }>(sql`
    SELECT g.refresh_secret, g.scope, g.audience, g.counter, g.expires_at
      FROM auth.client_grants g WHERE g.id = ${grantId} AND ${alive(client)}`);
  const row = rows[0];
  return (
    row && {
      refreshSecret: row.refresh_secret,
      scope: row.scope,
      audience: row.audience,
      counter: row.counter,
      expiresAt: row.expires_at,
    }
  );
}

/** The same statement, with the same two branches, as for a session. Undefined: neither. */
export async function rotateGrant(
  database: Pick<Database, "query">,
  grantId: string,
  client: Client,
  { counter, refreshKid }: { readonly counter: number; readonly refreshKid: string },
): Promise<{ readonly counter: number; readonly refreshKid: string } | undefined> {
  const isCurrent = sql`g.counter = ${counter}::int`;
  const set = (now: Sql, kept: Sql) => sql`CASE WHEN ${isCurrent} THEN ${now} ELSE ${kept} END`;
  const { rows } = await database.query<{ counter: number; refresh_kid: string }>(sql`
    UPDATE auth.client_grants AS g
       SET counter = ${set(sql`g.counter + 1`, sql`g.counter`)},
           refresh_kid = ${set(sql`${refreshKid}::text`, sql`g.refresh_kid`)},
           rotated_at = ${set(sql`now()`, sql`g.rotated_at`)},
           grace_count = ${set(sql`0`, sql`g.grace_count + 1`)},
           expires_at = ${set(
             sql`least(g.absolute_expires_at, now() + make_interval(secs => g.idle_seconds))`,
             sql`g.expires_at`,
           )}
     WHERE g.id = ${grantId} AND ${alive(client)} AND (${isCurrent}
        OR (g.counter = ${counter}::int + 1
            AND g.rotated_at > now() - make_interval(secs => ${sessionLimits.graceSeconds})
            AND g.grace_count < ${sessionLimits.graceMaxCount}))
    RETURNING g.counter, g.refresh_kid`);
  return rows[0] && { counter: rows[0].counter, refreshKid: rows[0].refresh_kid };
}

/** Ends a grant for good; false: it was over already. */
export async function revokeGrant(tx: Transaction, grantId: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.client_grants SET ended_at = now(), expires_at = least(expires_at, now())
     WHERE id = ${grantId} AND ended_at IS NULL`);
  return rowCount > 0;
}

/** Ends a grant whose authentic token `rotateGrant` refused; false: it was over already. */
export async function endGrant(
  tx: Transaction,
  grantId: string,
  counter: number,
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.client_grants SET ended_at = now(), expires_at = least(expires_at, now())
     WHERE id = ${grantId} AND ended_at IS NULL AND counter <> ${counter}::int`);
  return rowCount > 0;
}

/** Removes a batch of grants that are over for a day; returns how many went. */
export async function removeExpiredGrants(database: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await database.query(sql`
    DELETE FROM auth.client_grants WHERE id IN (
      SELECT id FROM auth.client_grants
       WHERE expires_at < now() - make_interval(secs => ${sessionLimits.keptSeconds})
       ORDER BY expires_at LIMIT ${sessionLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
