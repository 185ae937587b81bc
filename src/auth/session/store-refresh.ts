import type { Database, Transaction } from "../../platform/postgres.ts";
import { sessionLimits } from "../../platform/limits.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { SeenPlace, SessionFlag } from "./changes.ts";
import { alive, columns, toSeen, toSession, type Session, type SessionRow } from "./store.ts";

/** What a refresh token is checked against before anything is changed. */
export interface RefreshProof {
  readonly refreshSecret: Buffer;
  readonly deviceDigest: Buffer | undefined;
  readonly accountId: string;
  readonly tenantId: string;
  readonly seen: SeenPlace;
  /** Of the present token. */
  readonly counter: number;
  readonly expiresAt: Date;
}

/** Undefined: no such session, or one that is over. */
export async function findRefreshProof(
  database: Pick<Database, "read">,
  sessionId: string,
): Promise<RefreshProof | undefined> {
  type Row = Pick<SessionRow, "device_digest" | "account_id" | "tenant_id"> &
    Pick<SessionRow, "counter" | "expires_at"> &
    Parameters<typeof toSeen>[0] & { refresh_secret: Buffer };
  const rows = await database.read<Row>(sql`
    SELECT s.refresh_secret, s.device_digest, s.account_id, s.tenant_id, s.seen_network,
           s.seen_country, s.seen_agent, s.counter, s.expires_at
      FROM auth.sessions s JOIN auth.accounts a ON a.id = s.account_id
     WHERE s.id = ${sessionId} AND a.active AND ${alive}`);
  const row = rows[0];
  return (
    row && {
      refreshSecret: row.refresh_secret,
      deviceDigest: row.device_digest ?? undefined,
      accountId: row.account_id,
      tenantId: row.tenant_id,
      seen: toSeen(row),
      counter: row.counter,
      expiresAt: row.expires_at,
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
  /** Where it is refreshed from, and in what that differs from the time before. */
  readonly seen: SeenPlace;
  readonly flags: readonly SessionFlag[];
}

/**
 * The one statement of a refresh, on the database's clock. The present counter: advance. Its
 * direct parent within the grace time: change nothing but the count of such answers. The successor
 * follows from what is returned, so every process makes the same one. Undefined: neither.
 */
export async function rotate(
  asker: Pick<Database, "query"> | Transaction,
  { sessionId, counter, refreshKid, deviceDigest, seen, flags }: Rotation,
): Promise<Session | undefined> {
  const isCurrent = sql`s.counter = ${counter}::int`;
  const isRetry = sql`(s.counter = ${counter}::int + 1
      AND s.rotated_at > now() - make_interval(secs => ${sessionLimits.graceSeconds})
      AND s.grace_count < ${sessionLimits.graceMaxCount})`;
  const set = (now: Sql, kept: Sql) => sql`CASE WHEN ${isCurrent} THEN ${now} ELSE ${kept} END`;
  const { rows } = await asker.query<SessionRow>(sql`
    UPDATE auth.sessions AS s
       SET counter = ${set(sql`s.counter + 1`, sql`s.counter`)},
           refresh_kid = ${set(sql`${refreshKid}::text`, sql`s.refresh_kid`)},
           rotated_at = ${set(sql`now()`, sql`s.rotated_at`)},
           seen_at = ${set(sql`now()`, sql`s.seen_at`)},
           seen_network = coalesce(${seen.network ?? null}::text, s.seen_network),
           seen_country = coalesce(${seen.country ?? null}::text, s.seen_country),
           seen_agent = coalesce(${seen.agent ?? null}::text, s.seen_agent),
           flags = ${flags.length === 0 ? sql`s.flags` : withFlags(flags)},
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

function withFlags(flags: readonly SessionFlag[]): Sql {
  return sql`ARRAY(SELECT DISTINCT flag FROM unnest(s.flags || ${[...flags]}::text[]) AS flag
    ORDER BY flag)`;
}
