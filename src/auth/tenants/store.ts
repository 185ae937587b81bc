import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { StoredPolicy } from "./policy.ts";

/** What the tenant decided; undefined for no such tenant. */
export async function findStoredPolicy(
  database: Pick<Database, "read">,
  tenantId: string,
): Promise<StoredPolicy | undefined> {
  const rows = await database.read<{ policy: StoredPolicy }>(
    sql`SELECT policy FROM auth.tenants WHERE id = ${tenantId}`,
  );
  return rows[0]?.policy;
}

/** What each tenant that is in use decided. */
export async function listStoredPolicies(
  database: Pick<Database, "query">,
): Promise<{ tenantId: string; stored: StoredPolicy }[]> {
  const { rows } = await database.query<{ id: string; policy: StoredPolicy }>(
    sql`SELECT id, policy FROM auth.tenants WHERE active`,
  );
  return rows.map(({ id, policy }) => ({ tenantId: id, stored: policy }));
}
