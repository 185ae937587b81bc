import type { Identity, Invalidate, RecordIamEvents } from "../../auth/index.ts";
import type { ContextName } from "../../http/principal.ts";
import type { Database } from "../../platform/postgres.ts";
import { pageSql } from "../../platform/sql-page.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { By } from "./rank.ts";
import { heldRoles, isHeld, type HeldRole, type IssuerNames } from "./store.ts";
import { createUserChanges } from "./user-changes.ts";

/** Somebody IAM knows, whoever signs their tokens. */
export interface User extends Identity {
  readonly id: string;
  readonly tenantId: string;
  readonly roles: readonly HeldRole[];
  readonly version: number;
  readonly discarded: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** For the operator on the command line, who stands above tenants; no route may pass it. */
export const EVERY_TENANT = Symbol("every tenant");
export type TenantScope = string | typeof EVERY_TENANT;

export interface UserFilter {
  readonly tenantId: TenantScope;
  readonly issuer?: string | undefined;
  readonly subject?: string | undefined;
  readonly roleContext?: ContextName | undefined;
  readonly roleName?: string | undefined;
  readonly discarded?: boolean | undefined;
  readonly sort?: UserSort | undefined;
  readonly skip: number;
  readonly limit: number;
}

export const USER_SORTS = [
  "created_at",
  "-created_at",
  "updated_at",
  "-updated_at",
  "id",
  "-id",
] as const;
export type UserSort = (typeof USER_SORTS)[number];

export interface NewUser extends Identity {
  readonly tenantId: string;
  readonly by?: By | undefined;
}

/** What a change names: one user of one tenant, and the version the caller has seen, if any. */
export interface UserChange {
  readonly userId: string;
  readonly tenantId: string;
  readonly version?: number | undefined;
  /** Undefined: the program itself. */
  readonly by?: By | undefined;
}

export interface RoleChange extends UserChange {
  readonly context: ContextName;
  readonly name: string;
}

export interface RoleGift extends RoleChange {
  /** When the role ends by itself. Undefined: not at all. */
  readonly expiresAt?: Date | undefined;
}

export interface BulkChange {
  readonly userIds: readonly string[];
  readonly tenantId: string;
  readonly context: ContextName;
  readonly name: string;
  readonly expiresAt?: Date | undefined;
  readonly by?: By | undefined;
}

export interface ChangeResult {
  readonly id: string;
  readonly version: number;
}

export interface BulkAssignment {
  readonly assigned: readonly string[];
  readonly unchanged: readonly string[];
  readonly unknown: readonly string[];
}

/** Users of other tenants do not exist for any of these. */
export interface UserStore {
  list(filter: UserFilter): Promise<{ users: User[]; total: number }>;
  find(userId: string, tenantId: TenantScope): Promise<User | undefined>;
  /**
   * A foreign identity whose subject is an id somebody has already gets a new id. Throws
   * `user_exists` when the identity is taken.
   */
  create(user: NewUser): Promise<ChangeResult>;
  /** Throws `not_found`, `version_conflict`, `last_administrator`, `permission_denied`. */
  discard(change: UserChange): Promise<ChangeResult>;
  /**
   * Changes nothing when the role is held already until the same time. Throws `not_found`,
   * `role_unknown`, `permission_denied`, …
   */
  assignRole(change: RoleGift): Promise<ChangeResult>;
  /** Throws `not_found` for the user and for a role not held, `last_administrator`. */
  removeRole(change: RoleChange): Promise<ChangeResult>;
  /** The same role to many users, in one transaction; unknown users are named, not refused. */
  assignRoleToMany(change: BulkChange): Promise<BulkAssignment>;
}

interface UserRow {
  id: string;
  issuer: string;
  subject: string;
  tenant_id: string;
  roles: HeldRole[];
  version: number;
  discarded: boolean;
  created_at: Date;
  updated_at: Date;
}

const userColumns = sql`
  u.id, u.issuer, u.subject, u.tenant_id, u.version, u.discarded, u.created_at, u.updated_at`;

// The id comes last in every order, so that pages neither repeat nor lose a row.
const orders: Readonly<Record<UserSort, Sql>> = Object.freeze({
  created_at: sql`u.created_at, u.id`,
  "-created_at": sql`u.created_at DESC, u.id DESC`,
  updated_at: sql`u.updated_at, u.id`,
  "-updated_at": sql`u.updated_at DESC, u.id DESC`,
  id: sql`u.id`,
  "-id": sql`u.id DESC`,
});

export function createUserStore(
  database: Database,
  ports: { readonly invalidate: Invalidate; readonly record: RecordIamEvents },
  issuerNames: IssuerNames,
): UserStore {
  const toUser = (row: UserRow): User => ({
    id: row.id,
    issuer: issuerNames.real(row.issuer),
    subject: row.subject,
    tenantId: row.tenant_id,
    roles: row.roles,
    version: row.version,
    discarded: row.discarded,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  });

  return Object.freeze({
    ...createUserChanges(database, ports, issuerNames),
    async list(filter: UserFilter) {
      const order = orders[filter.sort ?? "created_at"];
      const matching = conditions(filter, issuerNames);
      const { rows } = await database.query<UserRow & { total: number }>(sql`
        SELECT ${userColumns}, ${heldRoles} AS roles, counted.total
          FROM (SELECT count(*)::int AS total FROM iam.users u WHERE ${matching}) counted
          LEFT JOIN (SELECT u.* FROM iam.users u WHERE ${matching}
                      ORDER BY ${order} ${pageSql(filter.skip, filter.limit)}) u ON true
         ORDER BY ${order}`);
      return {
        // An empty page past the end still carries the total, in one row without a user.
        users: rows.filter((row) => row.id !== null).map(toUser),
        total: rows[0]?.total ?? 0,
      };
    },
    async find(userId: string, tenantId: TenantScope) {
      const rows = await database.read<UserRow>(sql`
        SELECT ${userColumns}, ${heldRoles} AS roles FROM iam.users u
         WHERE u.id = ${userId} AND ${inScope(tenantId)} AND NOT u.discarded`);
      return rows[0] === undefined ? undefined : toUser(rows[0]);
    },
  });
}

function inScope(tenantId: TenantScope): Sql {
  return tenantId === EVERY_TENANT ? sql`true` : sql`u.tenant_id = ${tenantId}`;
}

function conditions(filter: UserFilter, issuerNames: IssuerNames): Sql {
  const parts = [inScope(filter.tenantId), sql`u.discarded = ${filter.discarded ?? false}`];
  if (filter.issuer !== undefined) {
    parts.push(sql`u.issuer = ${issuerNames.stored(filter.issuer) ?? null}`);
  }
  if (filter.subject !== undefined) parts.push(sql`u.subject = ${filter.subject}`);
  const { roleContext, roleName } = filter;
  if (roleContext !== undefined || roleName !== undefined) {
    const role = [sql`a.user_id = u.id`, isHeld];
    if (roleContext !== undefined) role.push(sql`a.role_context = ${roleContext}`);
    if (roleName !== undefined) role.push(sql`a.role_name = ${roleName}`);
    parts.push(sql`EXISTS (
      SELECT 1 FROM iam.user_role_association a WHERE ${sql.join(role, sql` AND `)})`);
  }
  return sql.join(parts, sql` AND `);
}
