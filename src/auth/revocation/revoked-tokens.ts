import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";

/** Stands for every tenant. */
export const EVERY_TENANT = "00000000-0000-0000-0000-000000000000";

/**
 * True in SQL if this one token of the tenant was taken back: for the session's own read to be
 * joined with. Whoever adds a row also invalidates `{ kind: "token" }` in the same transaction.
 */
export function tokenRevoked(tokenId: string, tenantId: Sql): Sql {
  return sql`EXISTS (SELECT FROM auth.revoked_tokens
    WHERE token_id = ${tokenId} AND tenant_id IN (${tenantId}, ${EVERY_TENANT}::uuid))`;
}

export type IsTokenRevoked = (tokenId: string, tenantId: string) => Promise<boolean>;

/** For tokens without a session of ours; one single-statement read on the pipelined reader. */
export function createIsTokenRevoked(database: Pick<Database, "read">): IsTokenRevoked {
  return async (tokenId, tenantId) => {
    const rows = await database.read<{ revoked: boolean }>(
      sql`SELECT ${tokenRevoked(tokenId, sql`${tenantId}::uuid`)} AS revoked`,
    );
    return rows[0]?.revoked === true;
  };
}
