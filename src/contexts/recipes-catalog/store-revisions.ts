import { sql, type Sql } from "../../platform/sql.ts";
import type { Caller } from "./owner.ts";

/** What a list can see: what the caller has, what is public in the tenant, or all of the tenant. */
export type Scope = "author" | "public" | "tenant";

const SCOPES: Readonly<Record<Scope, Sql>> = {
  author: sql`'author'`,
  public: sql`'public'`,
  tenant: sql`'tenant'`,
};

/** The revision of all that the scopes hold, for a SELECT list. */
export function revisionOf({ tenantId, userId }: Caller, ...scopes: readonly Scope[]): Sql {
  // Each only grows, so that none has changed where the sum has not.
  return sql.join(
    scopes.map((scope) =>
      revision(sql`${tenantId}`, scope, scope === "author" ? sql`${userId}` : sql`${tenantId}`),
    ),
    PLUS,
  );
}
const PLUS = sql` + `;

/** The revision of what an author has, for a SELECT list. */
export const revisionOfAuthor = (tenantId: Sql, authorId: Sql): Sql =>
  revision(tenantId, "author", authorId);

const revision = (tenantId: Sql, scope: Scope, whose: Sql): Sql => sql`coalesce((
  select revision from recipes_catalog.revisions
   where tenant_id = ${tenantId} and scope = ${SCOPES[scope]} and whose = ${whose}), 0)`;
