import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { BUILT_IN_TENANT_ID, type IssuerNames } from "./store.ts";

/** An account's user, with its roles as `context:name`. */
export interface BulkUser {
  readonly userId: string;
  readonly tenantId: string;
  readonly roles: readonly string[];
}

/** Users by the thousand, for the command line. */
export interface BulkUsers {
  /** Makes the users of accounts that were just made, with these roles and the usual ones. */
  provision(tx: Transaction, users: readonly BulkUser[]): Promise<void>;
  /** Roles that users of a tenant can be given, as `context:name`. */
  roleNames(tenantId: string): Promise<ReadonlySet<string>>;
  /** Roles by user; not those that end, for whoever reads the names would give them for ever. */
  rolesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
}

const DEFAULT_ROLE = "user";

export function createBulkUsers(
  database: Database,
  issuerNames: IssuerNames,
  ownIssuer: string,
): BulkUsers {
  const issuer = issuerNames.stored(ownIssuer)!;
  return {
    async provision(tx, users) {
      const ids = users.map(({ userId }) => userId);
      await tx.query(sql`
        INSERT INTO iam.users (id, issuer, subject, tenant_id)
        SELECT given.id, ${issuer}, given.id::text, given.tenant_id
          FROM unnest(${ids}::uuid[], ${users.map(({ tenantId }) => tenantId)}::uuid[])
            AS given (id, tenant_id)`);
      const named = users.flatMap(({ userId, tenantId, roles }) =>
        roles.map((role) => ({ userId, tenantId, role })),
      );
      await tx.query(sql`
        INSERT INTO iam.user_role_association (user_id, role_context, role_name)
        SELECT id, context, name
          FROM unnest(${ids}::uuid[]) AS given (id), iam.roles
         WHERE name = ${DEFAULT_ROLE} AND tenant_id = ${BUILT_IN_TENANT_ID}
        UNION
        SELECT given.id, roles.context, roles.name
          FROM unnest(${named.map(({ userId }) => userId)}::uuid[],
                      ${named.map(({ tenantId }) => tenantId)}::uuid[],
                      ${named.map(({ role }) => role)}::text[]) AS given (id, tenant_id, role)
          JOIN iam.roles ON roles.context || ':' || roles.name = given.role
           AND roles.tenant_id IN (${BUILT_IN_TENANT_ID}, given.tenant_id)`);
    },
    async roleNames(tenantId) {
      const { rows } = await database.query<{ role: string }>(sql`
        SELECT context || ':' || name AS role FROM iam.roles
         WHERE tenant_id IN (${BUILT_IN_TENANT_ID}, ${tenantId})`);
      return new Set(rows.map(({ role }) => role));
    },
    async rolesOf(userIds) {
      const { rows } = await database.query<{ user_id: string; roles: string[] }>(sql`
        SELECT user_id, array_agg(role_context || ':' || role_name
                                  ORDER BY role_context, role_name) AS roles
          FROM iam.user_role_association
         WHERE user_id = ANY (${userIds}::uuid[]) AND expires_at IS NULL
         GROUP BY user_id`);
      return new Map(rows.map((row) => [row.user_id, row.roles]));
    },
  };
}
