import { sql, type Sql } from "../../platform/sql.ts";

/** True in SQL if a live session's refresh token was made with the key of that name. */
export function refreshKeyInUse(kid: Sql): Sql {
  return sql`EXISTS (SELECT FROM auth.sessions s
    WHERE s.refresh_kid = ${kid} AND s.ended_at IS NULL AND s.expires_at > now())`;
}
