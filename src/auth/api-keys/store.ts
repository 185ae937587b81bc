import type { ContextName, KeyScope } from "../../http/principal.ts";
import { apiKeyLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

export type KeyPermissions = Readonly<Partial<Record<ContextName, readonly string[]>>>;
export type QuotaPeriod = "day" | "month";

/** A key as its owner sees it. Times are the database's. */
export interface ApiKey {
  readonly id: string;
  readonly accountId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly scopes: readonly KeyScope[];
  readonly permissions: KeyPermissions;
  readonly rate: { readonly count: number; readonly seconds: number } | undefined;
  readonly quota: { readonly count: number; readonly period: QuotaPeriod } | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly rotatedAt: Date | undefined;
  /** Until then the secret before the last rotation counts too. */
  readonly previousExpiresAt: Date | undefined;
  readonly revokedAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
  readonly lastNetwork: string | undefined;
  /** Requests in the present period of the quota. */
  readonly used: number;
  readonly expired: boolean;
}

export interface NewApiKey {
  readonly id: string;
  readonly accountId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly digest: Buffer;
  readonly scopes: readonly KeyScope[];
  readonly permissions: KeyPermissions;
  readonly rate: { readonly count: number; readonly seconds: number } | undefined;
  readonly quota: { readonly count: number; readonly period: QuotaPeriod } | undefined;
  readonly lifeSeconds: number;
}

interface Row {
  id: string;
  account_id: string;
  tenant_id: string;
  name: string;
  scopes: KeyScope[];
  permissions: KeyPermissions;
  rate_count: number | null;
  rate_seconds: number | null;
  quota_count: number | null;
  quota_period: QuotaPeriod | null;
  created_at: Date;
  expires_at: Date;
  rotated_at: Date | null;
  previous_expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
  last_network: string | null;
  used: number;
  expired: boolean;
}

/** First day of the present period of a key's quota, in UTC. Used where `k` is a key's row. */
export const periodStart = sql`
  date_trunc(coalesce(k.quota_period, 'day'), now() AT TIME ZONE 'UTC')::date`;

/** To be used where `k` is a key and `u` its usage, if there is any. */
const columns = sql`
  k.id, k.account_id, k.tenant_id, k.name, k.scopes, k.permissions, k.rate_count, k.rate_seconds,
  k.quota_count, k.quota_period, k.created_at, k.expires_at, k.rotated_at,
  CASE WHEN k.previous_expires_at > now() THEN k.previous_expires_at END AS previous_expires_at,
  k.revoked_at, u.last_used_at, u.last_network,
  CASE WHEN u.period_start = ${periodStart} THEN u.used ELSE 0 END AS used,
  k.expires_at <= now() AS expired`;

export const alive = sql`k.revoked_at IS NULL AND k.expires_at > now()`;
export const withUsage = sql`auth.api_keys k LEFT JOIN auth.api_key_usage u ON u.key_id = k.id`;

function toKey(row: Row): ApiKey {
  return Object.freeze({
    id: row.id,
    accountId: row.account_id,
    tenantId: row.tenant_id,
    name: row.name,
    scopes: row.scopes,
    permissions: row.permissions,
    rate: rateOf(row),
    quota:
      row.quota_count === null ? undefined : { count: row.quota_count, period: row.quota_period! },
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    rotatedAt: row.rotated_at ?? undefined,
    previousExpiresAt: row.previous_expires_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    lastNetwork: row.last_network ?? undefined,
    used: row.used,
    expired: row.expired,
  });
}

export function rateOf(row: Pick<Row, "rate_count" | "rate_seconds">) {
  if (row.rate_count === null) return undefined;
  return { count: row.rate_count, seconds: row.rate_seconds! };
}

/**
 * Undefined when the account has as many live keys as it may have. Makers of one account take
 * turns, so that parallel ones cannot pass the limit together.
 */
export async function insertKey(tx: Transaction, key: NewApiKey): Promise<ApiKey | undefined> {
  await tx.query(sql`
    SELECT pg_advisory_xact_lock(hashtextextended(${`api_keys:${key.accountId}`}, 0))`);
  const { rows } = await tx.query<Row>(sql`
    WITH k AS (
      INSERT INTO auth.api_keys AS k (id, account_id, tenant_id, name, secret_digest, scopes,
        permissions, rate_count, rate_seconds, quota_count, quota_period, expires_at)
      SELECT ${key.id}::uuid, ${key.accountId}::uuid, ${key.tenantId}::uuid, ${key.name}::text,
             ${key.digest}::bytea, ${key.scopes}::text[], ${JSON.stringify(key.permissions)}::jsonb,
             ${key.rate?.count ?? null}::int, ${key.rate?.seconds ?? null}::int,
             ${key.quota?.count ?? null}::bigint, ${key.quota?.period ?? null}::text,
             now() + make_interval(secs => ${key.lifeSeconds})
       WHERE (SELECT count(*) FROM auth.api_keys k
               WHERE k.account_id = ${key.accountId} AND ${alive})
             < ${apiKeyLimits.perAccountMaxCount}
      RETURNING k.*)
    SELECT ${columns} FROM k LEFT JOIN auth.api_key_usage u ON u.key_id = k.id`);
  return rows[0] && toKey(rows[0]);
}

/** The keys of an account that may still act, and those that ended not long ago; newest first. */
export async function listKeys(
  database: Pick<Database, "read">,
  accountId: string,
): Promise<readonly ApiKey[]> {
  const rows = await database.read<Row>(sql`
    SELECT ${columns} FROM ${withUsage} WHERE k.account_id = ${accountId} ORDER BY k.id DESC`);
  return rows.map(toKey);
}

export async function findKey(
  database: Pick<Database, "read">,
  owned: OwnedKey,
): Promise<ApiKey | undefined> {
  const rows = await database.read<Row>(sql`
    SELECT ${columns} FROM ${withUsage}
     WHERE k.id = ${owned.id} AND k.account_id = ${owned.accountId}`);
  return rows[0] && toKey(rows[0]);
}

/** A key of this account, or none. */
export interface OwnedKey {
  readonly id: string;
  readonly accountId: string;
}

/**
 * Gives a live key another secret. The one before counts for `overlapSeconds` more, and the one
 * before that not at all.
 */
export async function rotateKey(
  tx: Transaction,
  { id, accountId }: OwnedKey,
  digest: Buffer,
  overlapSeconds: number,
): Promise<ApiKey | undefined> {
  const { rows } = await tx.query<Row>(sql`
    WITH k AS (
      UPDATE auth.api_keys AS k
         SET secret_digest = ${digest}, rotated_at = now(), previous_digest = k.secret_digest,
             previous_expires_at = now() + make_interval(secs => ${overlapSeconds})
       WHERE k.id = ${id} AND k.account_id = ${accountId} AND ${alive}
      RETURNING k.*)
    SELECT ${columns} FROM k LEFT JOIN auth.api_key_usage u ON u.key_id = k.id`);
  return rows[0] && toKey(rows[0]);
}

/** False when there is no such live key. */
export async function revokeKey(tx: Transaction, { id, accountId }: OwnedKey): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.api_keys AS k SET revoked_at = now()
     WHERE k.id = ${id} AND k.account_id = ${accountId} AND ${alive}`);
  return rowCount === 1;
}

/** Revokes every live key of an account; returns how many there were. */
export async function revokeKeysOf(tx: Transaction, accountId: string): Promise<number> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.api_keys AS k SET revoked_at = now()
     WHERE k.account_id = ${accountId} AND ${alive}`);
  return rowCount;
}

/** Removes a batch of keys that ended long ago; returns how many went. */
export async function removeEndedKeys(database: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await database.query(sql`
    DELETE FROM auth.api_keys WHERE id IN (
      SELECT id FROM auth.api_keys
       WHERE least(expires_at, revoked_at) < now() - make_interval(secs => ${apiKeyLimits.keptSeconds})
       LIMIT ${apiKeyLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
