import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { signedOut } from "../issuers/store-sign-outs.ts";
import type { Claims } from "../token/claims.ts";

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

/** What a foreign token is known by, here and at its issuer. */
export type ForeignToken = Pick<
  Claims,
  "issuer" | "subject" | "tokenId" | "sessionId" | "authTime"
>;

/** Whether the token, its whole family (`origin_jti`, `sid`) or everything its subject had is void. */
export type IsForeignRevoked = (token: ForeignToken, tenantId: string) => Promise<boolean>;

/** For tokens without a session of ours; one single-statement read on the pipelined reader. */
export function createIsForeignRevoked(database: Pick<Database, "read">): IsForeignRevoked {
  return async ({ issuer, subject, tokenId, sessionId, authTime }, tenantId) => {
    const rows = await database.read<{ revoked: boolean }>(sql`
      SELECT EXISTS (SELECT FROM auth.revoked_tokens
                      WHERE token_id IN (${tokenId ?? null}, ${sessionId ?? null})
                        AND tenant_id IN (${tenantId}::uuid, ${EVERY_TENANT}::uuid))
          OR ${signedOut(issuer, subject, authTime)} AS revoked`);
    return rows[0]?.revoked === true;
  };
}
