import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

type Asker = Pick<Database, "query"> | Transaction;

/** The account has these codes and no others. */
export async function replaceRecoveryCodes(
  tx: Transaction,
  accountId: string,
  digests: readonly Buffer[],
): Promise<void> {
  await tx.query(sql`DELETE FROM auth.recovery_codes WHERE account_id = ${accountId}`);
  if (digests.length === 0) return;
  await tx.query(sql`
    INSERT INTO auth.recovery_codes (digest, account_id)
    SELECT digest, ${accountId} FROM unnest(${[...digests]}::bytea[]) AS digest`);
}

/** Uses a code up: of any number of parallel callers one gets it. */
export async function useRecoveryCode(
  tx: Transaction,
  accountId: string,
  digest: Buffer,
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.recovery_codes SET used_at = now()
     WHERE digest = ${digest} AND account_id = ${accountId} AND used_at IS NULL`);
  return rowCount === 1;
}

export async function hasRecoveryCode(
  asker: Asker,
  accountId: string,
  digest: Buffer,
): Promise<boolean> {
  const { rowCount } = await asker.query(sql`
    SELECT FROM auth.recovery_codes
     WHERE digest = ${digest} AND account_id = ${accountId} AND used_at IS NULL`);
  return rowCount === 1;
}

/** How many are left. */
export async function countRecoveryCodes(asker: Asker, accountId: string): Promise<number> {
  const { rows } = await asker.query<{ left: number }>(sql`
    SELECT count(*)::int AS left FROM auth.recovery_codes
     WHERE account_id = ${accountId} AND used_at IS NULL`);
  return rows[0]!.left;
}
