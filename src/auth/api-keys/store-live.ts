import type { ApiKeyTerms, KeyScope } from "../../http/principal.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import {
  alive,
  periodStart,
  rateOf,
  withUsage,
  type KeyPermissions,
  type QuotaPeriod,
} from "./store.ts";

/** A key, its secrets and its owner: what authentication asks for each key it does not know. */
export interface LiveKey {
  readonly accountId: string;
  readonly tenantId: string;
  readonly digest: Buffer;
  /** Undefined: none that counts. */
  readonly previousDigest: Buffer | undefined;
  readonly previousExpiresAt: number;
  /** Revoked, or past its end. */
  readonly ended: boolean;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly scope: string;
  readonly permissions: KeyPermissions;
  readonly terms: ApiKeyTerms;
  readonly email: string;
  readonly username: string | undefined;
  readonly name: string | undefined;
  readonly emailVerified: boolean;
  readonly disabled: boolean;
}

/** One single-statement read on the pipelined reader. Undefined: no such key. */
export type LoadKey = (id: string) => Promise<LiveKey | undefined>;

interface LiveRow {
  account_id: string;
  tenant_id: string;
  secret_digest: Buffer;
  previous_digest: Buffer | null;
  previous_end: number;
  ended: boolean;
  created: number;
  expires: number;
  scopes: KeyScope[];
  permissions: KeyPermissions;
  rate_count: number | null;
  rate_seconds: number | null;
  quota_count: number | null;
  quota_period: QuotaPeriod | null;
  used: number;
  period_start: string;
  email: string;
  username: string | null;
  name: string | null;
  email_verified: boolean;
  active: boolean;
}

const epoch = (instant: Sql) => sql`floor(extract(epoch FROM ${instant}))::float8`;

export function createLoadKey(database: Pick<Database, "read">): LoadKey {
  return async (id) => {
    const [row] = await database.read<LiveRow>(sql`
      SELECT k.account_id, k.tenant_id, k.secret_digest,
             CASE WHEN k.previous_expires_at > now() THEN k.previous_digest END AS previous_digest,
             coalesce(${epoch(sql`k.previous_expires_at`)}, 0) AS previous_end,
             NOT (${alive}) AS ended, ${epoch(sql`k.created_at`)} AS created,
             ${epoch(sql`k.expires_at`)} AS expires, k.scopes, k.permissions, k.rate_count,
             k.rate_seconds, k.quota_count, k.quota_period, ${periodStart}::text AS period_start,
             CASE WHEN u.period_start = ${periodStart} THEN u.used ELSE 0 END AS used,
             a.email, a.username, a.name, a.email_verified, a.active
        FROM ${withUsage} JOIN auth.accounts a ON a.id = k.account_id
       WHERE k.id = ${id}`);
    return row && toLiveKey(id, row);
  };
}

function toLiveKey(id: string, row: LiveRow): LiveKey {
  const rate = rateOf(row);
  return {
    accountId: row.account_id,
    tenantId: row.tenant_id,
    digest: row.secret_digest,
    previousDigest: row.previous_digest ?? undefined,
    previousExpiresAt: row.previous_end,
    ended: row.ended,
    createdAt: row.created,
    expiresAt: row.expires,
    scope: [...row.scopes].sort().join(" "),
    permissions: row.permissions,
    terms: {
      id,
      ...(rate === undefined ? {} : { rate }),
      ...(row.quota_count === null
        ? {}
        : {
            quota: {
              count: row.quota_count,
              period: row.quota_period!,
              used: row.used,
              periodStart: row.period_start,
            },
          }),
    },
    email: row.email,
    username: row.username ?? undefined,
    name: row.name ?? undefined,
    emailVerified: row.email_verified,
    disabled: !row.active,
  };
}
