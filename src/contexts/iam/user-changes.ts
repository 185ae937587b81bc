import type {
  DiscardUser,
  GiveAdministrator,
  Identity,
  Invalidate,
  InvalidationKey,
  ProvisionForeignUser,
} from "../../auth/index.ts";
import { platformErrors } from "../../platform/errors.ts";
import { newId, normaliseUuid } from "../../platform/ids.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { ADMINISTRATOR_ROLE } from "./catalogue.ts";
import { iamErrors } from "./errors.ts";
import { BUILT_IN_TENANT_ID, insertUser, type IssuerNames } from "./store.ts";
import type {
  BulkAssignment,
  BulkChange,
  ChangeResult,
  RoleChange,
  UserChange,
  UserStore,
} from "./user-store.ts";

interface LockedUser {
  id: string;
  issuer: string;
  subject: string;
  version: number;
}

type Changes = Omit<UserStore, "list" | "find">;

/**
 * The transactions that change users and who holds which role. Each locks its user row first, so
 * changes of one user come one after the other, and names the identity to `invalidate` last.
 */
export function createUserChanges(
  database: Database,
  invalidate: Invalidate,
  issuerNames: IssuerNames,
): Changes {
  const keyOf = (user: LockedUser): InvalidationKey => ({
    kind: "identity",
    issuer: issuerNames.real(user.issuer),
    subject: user.subject,
  });
  const changing =
    <C, R>(
      change: (tx: Transaction, named: C) => Promise<{ result: R; changed: readonly LockedUser[] }>,
    ) =>
    (named: C): Promise<R> =>
      database.withTransaction(
        async (tx) => {
          const { result, changed } = await change(tx, named);
          if (changed.length > 0) invalidate(tx, changed.map(keyOf));
          return result;
        },
        { revocation: true },
      );

  return {
    create: changing(async (tx, user: Identity & { tenantId: string }) => {
      const id = await idForSubject(tx, issuerNames, user);
      await insertUser(tx, issuerNames, { ...user, userId: id });
      // A request of this identity that is being refused right now must not decide later ones.
      return { result: { id, version: 1 }, changed: [{ ...user, id, version: 1 }] };
    }),
    discard: changing(discard),
    assignRole: changing(assignRole),
    removeRole: changing(removeRole),
    assignRoleToMany: changing(assignRoleToMany),
  };
}

/** For accounts that are erased; whoever calls it invalidates the identity. */
export const discardUser: DiscardUser = async (tx, change) => {
  const { rowCount } = await tx.query(sql`
    SELECT FROM iam.users
     WHERE id = ${change.userId} AND tenant_id = ${change.tenantId} AND NOT discarded`);
  if (rowCount === 1) await discard(tx, change);
};

/** For the first administrator of a new tenant. */
export const giveAdministrator: GiveAdministrator = async (tx, { userId }) => {
  await tx.query(sql`
    INSERT INTO iam.user_role_association (user_id, role_context, role_name)
    VALUES (${userId}, 'iam', ${ADMINISTRATOR_ROLE})`);
};

interface Changed<R> {
  readonly result: R;
  readonly changed: readonly LockedUser[];
}

/** The subject of our own accounts is the id. A foreign one is too, unless somebody has it. */
async function idForSubject(
  tx: Transaction,
  issuerNames: IssuerNames,
  user: Identity,
): Promise<string> {
  if (issuerNames.isOwn(user.issuer)) return user.subject;
  if (normaliseUuid(user.subject) !== user.subject) return newId();
  const { rowCount } = await tx.query(sql`SELECT 1 FROM iam.users WHERE id = ${user.subject}`);
  return rowCount === 0 ? user.subject : newId();
}

/** For callers whose own token tells that they exist. */
export function createProvisionForeignUser(issuerNames: IssuerNames): ProvisionForeignUser {
  return async (tx, user) => {
    const issuer = issuerNames.stored(user.issuer);
    if (issuer === undefined) return "discarded";
    // One after the other: whoever comes second finds the first one's user, or its id taken by
    // somebody of another issuer.
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended(${user.subject}, 0))`);
    const { rows } = await tx.query<{ discarded: boolean }>(sql`
      SELECT discarded FROM iam.users WHERE issuer = ${issuer} AND subject = ${user.subject}`);
    if (rows[0] !== undefined) return rows[0].discarded ? "discarded" : "there";
    const id = await idForSubject(tx, issuerNames, user);
    await insertUser(tx, issuerNames, { ...user, userId: id });
    return "made";
  };
}

async function discard(tx: Transaction, change: UserChange): Promise<Changed<ChangeResult>> {
  await lockAdministrators(tx, change.tenantId);
  const user = await lockUser(tx, change);
  const { rowCount: administrates } = await tx.query(sql`
    SELECT 1 FROM iam.user_role_association
     WHERE user_id = ${user.id} AND role_context = 'iam' AND role_name = ${ADMINISTRATOR_ROLE}`);
  await tx.query(sql`UPDATE iam.users SET discarded = true WHERE id = ${user.id}`);
  if (administrates > 0) await assertSomeAdministrator(tx, change.tenantId);
  return { result: await raiseVersion(tx, user), changed: [user] };
}

async function assignRole(tx: Transaction, change: RoleChange): Promise<Changed<ChangeResult>> {
  const user = await lockUser(tx, change);
  const assigned = await insertAssignments(tx, change, [user.id]);
  if (assigned.length === 0) {
    return { result: { id: user.id, version: user.version }, changed: [] };
  }
  return { result: await raiseVersion(tx, user), changed: [user] };
}

async function removeRole(tx: Transaction, change: RoleChange): Promise<Changed<ChangeResult>> {
  const { context, name, tenantId } = change;
  const guarded = context === "iam" && name === ADMINISTRATOR_ROLE;
  if (guarded) await lockAdministrators(tx, tenantId);
  const user = await lockUser(tx, change);
  const { rowCount } = await tx.query(sql`
    DELETE FROM iam.user_role_association
     WHERE user_id = ${user.id} AND role_context = ${context} AND role_name = ${name}`);
  if (rowCount === 0) {
    throw platformErrors.failure("not_found", { detail: "The user does not hold this role" });
  }
  if (guarded) await assertSomeAdministrator(tx, tenantId);
  return { result: await raiseVersion(tx, user), changed: [user] };
}

async function assignRoleToMany(
  tx: Transaction,
  change: BulkChange,
): Promise<Changed<BulkAssignment>> {
  const userIds = [...new Set(change.userIds)];
  // In the order of the ids: two bulk changes cannot wait for each other.
  const { rows: users } = await tx.query<LockedUser>(sql`
    SELECT id, issuer, subject, version FROM iam.users
     WHERE id = ANY(${userIds}::uuid[]) AND tenant_id = ${change.tenantId} AND NOT discarded
     ORDER BY id FOR UPDATE`);
  const known = users.map((user) => user.id);
  const assigned = await insertAssignments(tx, change, known);
  await tx.query(sql`
    UPDATE iam.users SET version = version + 1, updated_at = now()
     WHERE id = ANY(${assigned}::uuid[])`);
  return {
    result: {
      assigned,
      unchanged: known.filter((id) => !assigned.includes(id)),
      unknown: userIds.filter((id) => !known.includes(id)),
    },
    changed: users.filter((user) => assigned.includes(user.id)),
  };
}

async function lockUser(tx: Transaction, change: UserChange): Promise<LockedUser> {
  const { rows } = await tx.query<LockedUser>(sql`
    SELECT id, issuer, subject, version FROM iam.users
     WHERE id = ${change.userId} AND tenant_id = ${change.tenantId} AND NOT discarded
       FOR UPDATE`);
  const [user] = rows;
  if (user === undefined) throw platformErrors.failure("not_found");
  if (change.version !== undefined && change.version !== user.version) {
    throw platformErrors.failure("version_conflict");
  }
  return user;
}

/** Gives a role of the catalogue to users; answers who did not hold it before. */
async function insertAssignments(
  tx: Transaction,
  role: Pick<RoleChange, "tenantId" | "context" | "name">,
  userIds: readonly string[],
): Promise<string[]> {
  const { rows: roles } = await tx.query<{ tenant_id: string }>(sql`
    SELECT tenant_id FROM iam.roles
     WHERE context = ${role.context} AND name = ${role.name}
       AND tenant_id IN (${BUILT_IN_TENANT_ID}, ${role.tenantId})`);
  if (roles[0] === undefined) throw iamErrors.failure("role_unknown");
  const { rows } = await tx.query<{ user_id: string }>(sql`
    INSERT INTO iam.user_role_association (user_id, role_context, role_name, role_tenant_id)
    SELECT id, ${role.context}, ${role.name}, ${roles[0].tenant_id}::uuid
      FROM unnest(${userIds}::uuid[]) AS id
    ON CONFLICT DO NOTHING
    RETURNING user_id`);
  return rows.map((row) => row.user_id);
}

/**
 * Two administrators who take the role from each other at the same moment must not both succeed:
 * from here on, changes that can take away an administrator of the tenant wait for this one.
 */
async function lockAdministrators(tx: Transaction, tenantId: string): Promise<void> {
  const name = `iam administrators of ${tenantId}`;
  await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

async function assertSomeAdministrator(tx: Transaction, tenantId: string): Promise<void> {
  const { rowCount } = await tx.query(sql`
    SELECT 1 FROM iam.user_role_association a JOIN iam.users u ON u.id = a.user_id
     WHERE a.role_context = 'iam' AND a.role_name = ${ADMINISTRATOR_ROLE}
       AND u.tenant_id = ${tenantId} AND NOT u.discarded
     LIMIT 1`);
  if (rowCount === 0) throw iamErrors.failure("last_administrator");
}

async function raiseVersion(tx: Transaction, user: LockedUser): Promise<ChangeResult> {
  const { rows } = await tx.query<ChangeResult>(sql`
    UPDATE iam.users SET version = version + 1, updated_at = now()
     WHERE id = ${user.id} RETURNING id, version`);
  return rows[0]!;
}
