import { loginLimits, throttleLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/**
 * Keeps a device that an account logged in with, in the transaction of the login. Only so many
 * are kept for an account; those not used for longest go.
 */
export async function rememberDevice(
  tx: Transaction,
  accountId: string,
  digest: Buffer,
): Promise<void> {
  await tx.query(sql`
    INSERT INTO auth.known_devices AS k (account_id, digest) VALUES (${accountId}, ${digest})
    ON CONFLICT (account_id, digest) DO UPDATE
      SET last_at = clock_timestamp(), logins = k.logins + 1`);
  await tx.query(sql`
    DELETE FROM auth.known_devices WHERE account_id = ${accountId} AND digest IN (
      SELECT digest FROM auth.known_devices WHERE account_id = ${accountId}
       ORDER BY last_at DESC, digest OFFSET ${loginLimits.devicesMaxCount})`);
}

/** Removes a batch of devices nobody came with for long; returns how many went. */
export async function removeIdleDevices(asker: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.known_devices WHERE (account_id, digest) IN (
      SELECT account_id, digest FROM auth.known_devices
       WHERE last_at < clock_timestamp() - make_interval(secs => ${loginLimits.deviceKeptSeconds})
       LIMIT ${throttleLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
