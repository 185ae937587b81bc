import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";

/**
 * True in SQL if this one token was taken back: for the session's own read to be joined with.
 * Whoever adds a row also invalidates `{ kind: "token" }` in the same transaction.
 */
export function tokenRevoked(tokenId: string): Sql {
  return sql`EXISTS (SELECT FROM auth.revoked_tokens WHERE token_id = ${tokenId})`;
}

export type IsTokenRevoked = (tokenId: string) => Promise<boolean>;

/** For tokens without a session of ours; one single-statement read on the pipelined reader. */
export function createIsTokenRevoked(database: Database): IsTokenRevoked {
  return async (tokenId) => {
    const rows = await database.read<{ revoked: boolean }>(
      sql`SELECT ${tokenRevoked(tokenId)} AS revoked`,
    );
    return rows[0]?.revoked === true;
  };
}
