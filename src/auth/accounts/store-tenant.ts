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

/** Whose account it is; undefined when there is none. */
export async function findTenantOfAccount(
  tx: Transaction,
  accountId: string,
): Promise<string | undefined> {
  const { rows } = await tx.query<{ tenant_id: string }>(sql`
    SELECT tenant_id FROM auth.accounts WHERE id = ${accountId}`);
  return rows[0]?.tenant_id;
}
