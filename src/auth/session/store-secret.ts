import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { RefreshKey } from "../keys/key-ring.ts";
import { listSessions, type Session } from "./store.ts";

/** Gives a live session another secret: its refresh tokens so far are void. Undefined: over. */
export async function replaceRefreshSecret(
  tx: Transaction,
  { accountId, sessionId }: { readonly accountId: string; readonly sessionId: string },
  { secret, key }: { readonly secret: Buffer; readonly key: RefreshKey },
): Promise<Session | undefined> {
  await tx.query(sql`
    UPDATE auth.sessions
       SET refresh_secret = ${secret}, refresh_kid = ${key.kid}, rotated_at = now(),
           grace_count = 0
     WHERE id = ${sessionId} AND account_id = ${accountId} AND ended_at IS NULL
       AND expires_at > now()`);
  const live = await listSessions(tx, accountId);
  return live.find((session) => session.id === sessionId);
}
