import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { SessionRisk } from "./session-risk.ts";

/** Adds to what is unusual about a session; what is there already changes nothing. */
export async function addRisk(
  asker: Transaction | Pick<Database, "query">,
  sessionId: string,
  reasons: readonly SessionRisk[],
): Promise<void> {
  if (reasons.length === 0) return;
  const added = sql`${[...reasons]}::text[]`;
  await asker.query(sql`
    UPDATE auth.sessions
       SET risk = risk || ARRAY(SELECT r FROM unnest(${added}) AS r WHERE r <> ALL (risk))
     WHERE id = ${sessionId} AND NOT risk @> ${added}`);
}
