import type { Invalidate, RecordIamEvents } from "../../auth/index.ts";
import type { ContextName } from "../../http/principal.ts";
import { platformErrors } from "../../platform/errors.ts";
import { isUniqueViolation, type Database, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { eventOf } from "./change.ts";
import { iamErrors } from "./errors.ts";
import { assertMayGive, THE_PROGRAM, type By } from "./rank.ts";
import { BUILT_IN_TENANT_ID } from "./store.ts";

/** A row of the catalogue. Built-in roles are common to all tenants and cannot be changed. */
export interface Role {
  readonly context: ContextName;
  readonly name: string;
  readonly permissions: readonly string[];
  readonly builtIn: boolean;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface RoleKey {
  readonly tenantId: string;
  readonly context: ContextName;
  readonly name: string;
}

export interface NewRole extends RoleKey {
  readonly permissions: readonly string[];
  /** Undefined: the program itself. */
  readonly by?: By | undefined;
}

export interface RoleStore {
  /** The roles a tenant can assign: the built-in ones and its own, by context and name. */
  list(filter: {
    tenantId: string;
    context: ContextName | undefined;
    skip: number;
    limit: number;
  }): Promise<{ roles: Role[]; total: number }>;
  /** A role the tenant can assign, or undefined. */
  find(role: RoleKey): Promise<Role | undefined>;
  /** Throws `role_exists`, also when a built-in role has the name, and `permission_denied`. */
  create(role: NewRole): Promise<Role>;
  /** Throws `not_found`, `role_built_in`, `version_conflict`, `permission_denied`. */
  change(role: NewRole & { version: number | undefined }): Promise<Role>;
}

interface RoleRow {
  context: ContextName;
  name: string;
  permissions: string[];
  built_in: boolean;
  version: number;
  created_at: Date;
  updated_at: Date;
}

const roleColumns = sql`
  context, name, permissions, tenant_id = ${BUILT_IN_TENANT_ID} AS built_in, version,
  created_at, updated_at`;

export function createRoleStore(
  database: Database,
  { invalidate, record }: { readonly invalidate: Invalidate; readonly record: RecordIamEvents },
): RoleStore {
  return Object.freeze({
    async list(filter) {
      const ofContext =
        filter.context === undefined ? sql.empty : sql`AND context = ${filter.context}`;
      const { rows } = await database.query<RoleRow & { total: number }>(sql`
        WITH matching AS (
          SELECT ${roleColumns} FROM iam.roles
           WHERE tenant_id IN (${BUILT_IN_TENANT_ID}, ${filter.tenantId}) ${ofContext}),
        page AS (
          SELECT * FROM matching ORDER BY context, name LIMIT ${filter.limit} OFFSET ${filter.skip})
        SELECT page.*, counted.total
          FROM (SELECT count(*)::int AS total FROM matching) counted
          LEFT JOIN page ON true
         ORDER BY page.context, page.name`);
      return {
        // An empty page past the end still carries the total, in one row without a role.
        roles: rows.filter((row) => row.name !== null).map(toRole),
        total: rows[0]?.total ?? 0,
      };
    },
    async find({ tenantId, context, name }) {
      const rows = await database.read<RoleRow>(sql`
        SELECT ${roleColumns} FROM iam.roles
         WHERE context = ${context} AND name = ${name}
           AND tenant_id IN (${BUILT_IN_TENANT_ID}, ${tenantId})`);
      return rows[0] === undefined ? undefined : toRole(rows[0]);
    },
    create: (role) => createRole(database, record, role),
    change: (wanted) =>
      database.withTransaction(
        async (tx) => {
          const changed = await changeRole(tx, wanted);
          await record(tx, [eventOf(wanted, "role.change", { reason: describe(wanted) })]);
          invalidate(tx, [{ kind: "roles" }]);
          return changed;
        },
        { revocation: true },
      ),
  } satisfies RoleStore);
}

async function createRole(
  database: Database,
  record: RecordIamEvents,
  role: NewRole,
): Promise<Role> {
  const { tenantId, context, name, permissions, by = THE_PROGRAM } = role;
  assertMayGive(by, context, permissions);
  try {
    return await database.withTransaction(async (tx) => {
      const { rows } = await tx.query<RoleRow>(sql`
        INSERT INTO iam.roles (tenant_id, context, name, permissions)
        SELECT ${tenantId}::uuid, ${context}::text, ${name}::text, ${permissions}::text[]
         WHERE NOT EXISTS (SELECT 1 FROM iam.roles
                            WHERE context = ${context} AND name = ${name}
                              AND tenant_id = ${BUILT_IN_TENANT_ID})
        RETURNING ${roleColumns}`);
      if (rows[0] === undefined) throw iamErrors.failure("role_exists");
      await record(tx, [eventOf(role, "role.create", { reason: describe(role) })]);
      return toRole(rows[0]);
    });
  } catch (error) {
    if (isUniqueViolation(error, "roles_key")) throw iamErrors.failure("role_exists");
    throw error;
  }
}

async function changeRole(
  tx: Transaction,
  wanted: NewRole & { version: number | undefined },
): Promise<Role> {
  const { tenantId, context, name, permissions, version, by = THE_PROGRAM } = wanted;
  const { rows: found } = await tx.query<RoleRow>(sql`
    SELECT ${roleColumns} FROM iam.roles
     WHERE context = ${context} AND name = ${name}
       AND tenant_id IN (${BUILT_IN_TENANT_ID}, ${tenantId})
       FOR UPDATE`);
  const [role] = found;
  if (role === undefined) throw platformErrors.failure("not_found");
  if (role.built_in) throw iamErrors.failure("role_built_in");
  if (version !== undefined && version !== role.version) {
    throw platformErrors.failure("version_conflict");
  }
  assertMayGive(by, context, differences(role.permissions, permissions));
  const { rows } = await tx.query<RoleRow>(sql`
    UPDATE iam.roles
       SET permissions = ${permissions}::text[], version = version + 1, updated_at = now()
     WHERE context = ${context} AND name = ${name} AND tenant_id = ${tenantId}
    RETURNING ${roleColumns}`);
  return toRole(rows[0]!);
}

/** What a change gives and what it takes. */
function differences(before: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...wanted.filter((name) => !before.includes(name)),
    ...before.filter((name) => !wanted.includes(name)),
  ];
}

/** For the audit log. */
function describe({ context, name, permissions }: NewRole): string {
  return [`${context}:${name}`, ...permissions].join(" ");
}

function toRole(row: RoleRow): Role {
  return {
    context: row.context,
    name: row.name,
    permissions: row.permissions,
    builtIn: row.built_in,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
