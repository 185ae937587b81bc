import { revokedTokenLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { EVERY_TENANT } from "./revoked-tokens.ts";

export interface TokenToRevoke {
  /** `jti`; of Cognito `origin_jti`. */
  readonly tokenId: string;
  /** `exp` of the token, seconds; the row lasts at least as long as a token may live. */
  readonly expiresAt?: number | undefined;
}

/** What is known of a token that was taken back. */
export interface RevokedToken {
  readonly tokenId: string;
  readonly reason: string;
  readonly revokedBy: string | undefined;
  readonly revokedAt: Date;
  readonly expiresAt: Date;
}

interface Row {
  token_id: string;
  reason: string;
  revoked_by: string | null;
  revoked_at: Date;
  expires_at: Date;
}

/**
 * A row a token, until it would have expired: the table is never larger than what was revoked in
 * the last life of a token. Nothing is kept in shared memory. Returns how many are new.
 */
export async function addRevokedTokens(
  tx: Transaction,
  tokens: readonly TokenToRevoke[],
  by: {
    readonly tenantId: string;
    readonly actor: string;
    readonly reason: string;
    /** How long a row lasts at least. */
    readonly keptSeconds: number;
  },
): Promise<number> {
  const { rows } = await tx.query<{ isNew: boolean }>(sql`
    INSERT INTO auth.revoked_tokens AS r (token_id, tenant_id, expires_at, reason, revoked_by)
    SELECT DISTINCT ON (token_id) token_id, ${by.tenantId}::uuid,
           greatest(to_timestamp(expires_at),
             now() + make_interval(secs => ${by.keptSeconds})),
           ${by.reason}, ${by.actor}
      FROM unnest(${tokens.map(({ tokenId }) => tokenId)}::text[],
                  ${tokens.map(({ expiresAt }) => expiresAt ?? null)}::float8[])
        AS given (token_id, expires_at)
     ORDER BY token_id, expires_at DESC NULLS LAST
    ON CONFLICT (token_id, tenant_id) DO UPDATE
      SET expires_at = greatest(r.expires_at, excluded.expires_at)
    RETURNING (xmax = 0) AS "isNew"`);
  return rows.filter((row) => row.isNew).length;
}

/** Why and by whom a token of the tenant was taken back; undefined: it was not. */
export async function findRevokedToken(
  database: Pick<Database, "query">,
  tokenId: string,
  tenantId: string,
): Promise<RevokedToken | undefined> {
  const { rows } = await database.query<Row>(sql`
    SELECT token_id, reason, revoked_by, revoked_at, expires_at FROM auth.revoked_tokens
     WHERE token_id = ${tokenId} AND tenant_id IN (${tenantId}, ${EVERY_TENANT})
     ORDER BY tenant_id DESC LIMIT 1`);
  const row = rows[0];
  return (
    row && {
      tokenId: row.token_id,
      reason: row.reason,
      revokedBy: row.revoked_by ?? undefined,
      revokedAt: row.revoked_at,
      expiresAt: row.expires_at,
    }
  );
}

export interface RevocationStatistics {
  readonly total: number;
  /** The most frequent ones, at most `reasonsMaxCount`; everything else here is of all. */
  readonly byReason: Readonly<Record<string, number>>;
  readonly oldest: Date | undefined;
  readonly newest: Date | undefined;
  /** When the next row is of no use any more. */
  readonly nextEnd: Date | undefined;
}

/** Of one tenant. */
export async function countRevokedTokens(
  database: Pick<Database, "query">,
  tenantId: string,
): Promise<RevocationStatistics> {
  // The windows see every reason; the limit comes after them.
  const { rows } = await database.query<{
    reason: string;
    count: number;
    total: number;
    oldest: Date;
    newest: Date;
    next_end: Date | null;
  }>(sql`
    SELECT reason, count(*)::int AS count, (sum(count(*)) OVER ())::int AS total,
           min(min(revoked_at)) OVER () AS oldest, max(max(revoked_at)) OVER () AS newest,
           min(min(expires_at) FILTER (WHERE expires_at > now())) OVER () AS next_end
      FROM auth.revoked_tokens WHERE tenant_id = ${tenantId}
     GROUP BY reason ORDER BY count DESC, reason LIMIT ${limits.reasonsMaxCount}`);
  return {
    total: rows[0]?.total ?? 0,
    byReason: Object.fromEntries(rows.map((row) => [row.reason, row.count])),
    oldest: rows[0]?.oldest,
    newest: rows[0]?.newest,
    nextEnd: rows[0]?.next_end ?? undefined,
  };
}

/** Rows of all tenants, those that have expired and were not removed yet included. */
export async function countAllRevokedTokens(database: Pick<Database, "read">): Promise<number> {
  const rows = await database.read<{ n: number }>(
    sql`SELECT count(*)::int AS n FROM auth.revoked_tokens`,
  );
  return rows[0]!.n;
}
