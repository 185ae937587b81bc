import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/** Whether an account is one of the tenant's. */
export async function isAccountOfTenant(
  tx: Transaction,
  accountId: string,
  tenantId: string,
): Promise<boolean> {
  const { rows } = await tx.query(sql`
    SELECT FROM auth.accounts WHERE id = ${accountId} AND tenant_id = ${tenantId}`);
  return rows.length > 0;
}
