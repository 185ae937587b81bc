import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { Owner } from "./form.ts";

/** The revision of an owner's forms and answers, for a SELECT list. */
export const revisionOf = ({ tenantId, userId }: Owner): Sql => sql`coalesce((
  select revision from client_onboarding.revisions
   where tenant_id = ${tenantId} and user_id = ${userId}), 0)`;

/** What an owner's forms and answers are at now: the same number, the same rows. */
export async function readRevision(database: Database, owner: Owner): Promise<number> {
  const [row] = await database.read<{ revision: number }>(sql`
    select ${revisionOf(owner)} as revision`);
  return row!.revision;
}
