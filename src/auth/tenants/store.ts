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
