import type {
  DocumentCache,
  Documents,
  Identity,
  LoadRoles,
  ProvisionUser,
  RoleGrants,
  RoleName,
} from "../../auth/index.ts";
import { CONTEXTS, type ContextName } from "../../http/principal.ts";
import { isUniqueViolation, type Database, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { DEFAULT_ROLE } from "./catalogue.ts";
import { iamErrors } from "./errors.ts";

/** How our own issuer is stored: its public address may change, its users stay. */
const LOCAL_ISSUER = "local";

/** Translates between issuers as tokens name them and as `iam.users` stores them. */
export interface IssuerNames {
  /** Undefined for a foreign issuer that calls itself by our stored name. */
  stored(issuer: string): string | undefined;
  real(stored: string): string;
  isOwn(issuer: string): boolean;
}

export function createIssuerNames(ownIssuer: string): IssuerNames {
  return Object.freeze({
    stored(issuer: string) {
      if (issuer === ownIssuer) return LOCAL_ISSUER;
      return issuer === LOCAL_ISSUER ? undefined : issuer;
    },
    real: (stored: string) => (stored === LOCAL_ISSUER ? ownIssuer : stored),
    isOwn: (issuer: string) => issuer === ownIssuer,
  });
}

/** One role of a user as the catalogue has it. */
export interface HeldRole {
  readonly context: ContextName;
  readonly name: string;
  readonly permissions: readonly string[];
  /** When it ends by itself; null: not at all. */
  readonly expires_at: string | null;
}

/** Where `a` is a row of `iam.user_role_association`: its role is not over. */
export const isHeld = sql`(a.expires_at IS NULL OR a.expires_at > now())`;

/**
 * The roles a user holds, as JSON, in a stable order; never null. To be used where `u` is a row of
 * `iam.users`. Each is looked up by its key (`OFFSET 0`): joined, they invite the planner to walk
 * through the roles of all tenants.
 */
export const heldRoles = sql`
  (SELECT coalesce(json_agg(json_build_object(
            'context', r.context, 'name', r.name, 'permissions', r.permissions,
            'expires_at', to_char(a.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
            ORDER BY r.context, r.name), '[]'::json)
     FROM iam.user_role_association a
    CROSS JOIN LATERAL (
      SELECT * FROM iam.roles r
       WHERE (r.context, r.name, r.tenant_id)
           = (a.role_context, a.role_name, a.role_tenant_id) OFFSET 0) r
    WHERE a.user_id = u.id AND ${isHeld})`;

/** Permissions of the roles that a tenant's users can hold, by role. */
type Catalogue = ReadonlyMap<string, readonly string[]>;

interface CatalogueRow {
  context: ContextName;
  name: string;
  tenant_id: string;
  permissions: string[];
}

/** A built-in role that is added later takes no name away from a tenant's own. */
function roleId(context: ContextName, name: string, tenantId: string): string {
  return `${context} ${name} ${tenantId}`;
}

/** The catalogue of a tenant; without a cache it is read each time. */
function openCatalogue(database: Database, cache: DocumentCache | undefined): Documents<Catalogue> {
  async function load(tenantId: string): Promise<Catalogue> {
    const rows = await database.read<CatalogueRow>(sql`
      SELECT context, name, tenant_id, permissions FROM iam.roles
       WHERE tenant_id IN (${BUILT_IN_TENANT_ID}, ${tenantId})`);
    return new Map(
      rows.map(({ context, name, tenant_id, permissions }) => [
        roleId(context, name, tenant_id),
        Object.freeze(permissions),
      ]),
    );
  }
  const kind = { name: "role_catalogue", dependsOn: [{ kind: "roles" }] as const, load };
  return cache?.open(kind) ?? { get: load, reload: load };
}

interface GrantRow {
  user_id: string;
  tenant_id: string;
  /** Context, name and owner of each role, in a stable order. */
  roles: [ContextName, string, string][];
  /** When the first of them ends, seconds since the epoch. */
  until: number | null;
}

/**
 * One single-statement read on the pipelined reader; what the roles permit is in the catalogue.
 * Unknown and discarded users: undefined.
 */
export function createLoadRoles(
  database: Database,
  issuerNames: IssuerNames,
  cache?: DocumentCache,
): LoadRoles {
  const catalogues = openCatalogue(database, cache);
  return async (identity: Identity, mapped: readonly RoleName[] = []) => {
    const issuer = issuerNames.stored(identity.issuer);
    if (issuer === undefined) return undefined;
    const [row] = await database.read<GrantRow>(sql`
      SELECT u.id AS user_id, u.tenant_id, held.roles, held.until
        FROM iam.users u CROSS JOIN LATERAL (
          SELECT coalesce(json_agg(
                   json_build_array(a.role_context, a.role_name, a.role_tenant_id)
                   ORDER BY a.role_context, a.role_name), '[]'::json) AS roles,
                 floor(extract(epoch FROM min(a.expires_at)))::float8 AS until
            FROM iam.user_role_association a WHERE a.user_id = u.id AND ${isHeld}) held
       WHERE u.issuer = ${issuer} AND u.subject = ${identity.subject} AND NOT u.discarded`);
    if (row === undefined) return undefined;
    const catalogue = await catalogues.get(row.tenant_id);
    const isKnown = row.roles.every((role) => catalogue.has(roleId(...role)));
    // A new role takes nothing away and so ends no copy; a holder proves that it is there.
    const current = isKnown ? catalogue : await catalogues.reload(row.tenant_id, catalogue);
    return toGrants(withMapped(row, mapped, current), current);
  };
}

/** Adds the roles that a token stands for, as far as the catalogue has them; a held one once. */
function withMapped(row: GrantRow, mapped: readonly RoleName[], catalogue: Catalogue): GrantRow {
  if (mapped.length === 0) return row;
  const roles = [...row.roles];
  for (const { context, name } of mapped) {
    const owner = [BUILT_IN_TENANT_ID, row.tenant_id].find((tenantId) =>
      catalogue.has(roleId(context, name, tenantId)),
    );
    const isHeld = roles.some(([ofContext, held]) => ofContext === context && held === name);
    if (owner !== undefined && !isHeld) roles.push([context, name, owner]);
  }
  return { ...row, roles };
}

/** Groups roles and the union of their permissions by context; deeply frozen. */
function toGrants(row: GrantRow, catalogue: Catalogue): RoleGrants {
  const roles: Partial<Record<ContextName, readonly string[]>> = {};
  const permissions: Partial<Record<ContextName, readonly string[]>> = {};
  for (const context of CONTEXTS) {
    const held = row.roles.filter(([ofContext]) => ofContext === context);
    if (held.length === 0) continue;
    const permitted = held.flatMap((role) => catalogue.get(roleId(...role)) ?? []);
    roles[context] = Object.freeze(held.map(([, name]) => name));
    permissions[context] = Object.freeze([...new Set(permitted)]);
  }
  return Object.freeze({
    userId: row.user_id,
    tenantId: row.tenant_id,
    roles: Object.freeze(roles),
    permissions: Object.freeze(permissions),
    ...(row.until === null ? {} : { until: row.until }),
  });
}

/**
 * Makes the IAM user of a new account in the account's own transaction, with the role `user` in
 * every context. Throws `user_exists` when the id or the identity is taken.
 */
export function createProvisionUser(issuerNames: IssuerNames): ProvisionUser {
  return async (tx, { userId, issuer, subject, tenantId }) => {
    await insertUser(tx, issuerNames, { userId, issuer, subject, tenantId });
  };
}

/** Throws `user_exists`. A refused insert spoils the transaction: the caller lets it roll back. */
export async function insertUser(
  tx: Transaction,
  issuerNames: IssuerNames,
  user: Identity & { readonly userId: string; readonly tenantId: string },
): Promise<void> {
  const issuer = issuerNames.stored(user.issuer);
  if (issuer === undefined) throw iamErrors.failure("user_exists", { note: "reserved issuer" });
  try {
    await tx.query(sql`
      INSERT INTO iam.users (id, issuer, subject, tenant_id)
      VALUES (${user.userId}, ${issuer}, ${user.subject}, ${user.tenantId})`);
  } catch (error) {
    if (isUniqueViolation(error)) throw iamErrors.failure("user_exists", { cause: error });
    throw error;
  }
  await tx.query(sql`
    INSERT INTO iam.user_role_association (user_id, role_context, role_name)
    SELECT ${user.userId}::uuid, context, name FROM iam.roles
     WHERE name = ${DEFAULT_ROLE} AND tenant_id = ${BUILT_IN_TENANT_ID}`);
}

/** Owner of the catalogue rows that come with the program. */
export const BUILT_IN_TENANT_ID = "00000000-0000-0000-0000-000000000000";
