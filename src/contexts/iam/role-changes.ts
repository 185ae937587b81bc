import { platformErrors } from "../../platform/errors.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { ADMINISTRATOR_ROLE } from "./catalogue.ts";
import {
  eventOf,
  guardAdministrators,
  lockUser,
  raiseVersion,
  type Changed,
  type LockedUser,
} from "./change.ts";
import { iamErrors } from "./errors.ts";
import { assertMayGive, THE_PROGRAM } from "./rank.ts";
import { BUILT_IN_TENANT_ID, isHeld } from "./store.ts";
import type {
  BulkAssignment,
  BulkChange,
  ChangeResult,
  RoleChange,
  RoleGift,
} from "./user-store.ts";

/** Which role, until when. */
type Gift = Omit<RoleGift, "userId" | "version">;

/** Gives a role of the catalogue to one user. */
export async function assignRole(
  tx: Transaction,
  change: RoleGift,
): Promise<Changed<ChangeResult>> {
  const guard = await guardOf(tx, change, change.expiresAt !== undefined);
  const user = await lockUser(tx, change);
  const assigned = await insertAssignments(tx, change, [user.id]);
  if (assigned.length === 0) {
    return { result: { id: user.id, version: user.version }, changed: [], events: [] };
  }
  await guard?.assertKept();
  return {
    result: await raiseVersion(tx, user),
    changed: [user],
    events: [giftEvent(change, user.id)],
  };
}

/** Gives a role of the catalogue to many users. */
export async function assignRoleToMany(
  tx: Transaction,
  change: BulkChange,
): Promise<Changed<BulkAssignment>> {
  const guard = await guardOf(tx, change, change.expiresAt !== undefined);
  const userIds = [...new Set(change.userIds)];
  // In the order of the ids: two bulk changes cannot wait for each other.
  const { rows: users } = await tx.query<LockedUser>(sql`
    SELECT id, issuer, subject, version FROM iam.users
     WHERE id = ANY(${userIds}::uuid[]) AND tenant_id = ${change.tenantId} AND NOT discarded
     ORDER BY id FOR UPDATE`);
  const known = users.map((user) => user.id);
  const assigned = await insertAssignments(tx, change, known);
  await guard?.assertKept();
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
    events: assigned.map((id) => giftEvent(change, id)),
  };
}

/** Takes a role that a user holds. */
export async function removeRole(
  tx: Transaction,
  change: RoleChange,
): Promise<Changed<ChangeResult>> {
  const { context, name, by = THE_PROGRAM } = change;
  const guard = await guardOf(tx, change, true);
  const user = await lockUser(tx, change);
  const { rows } = await tx.query<{ permissions: string[] }>(sql`
    DELETE FROM iam.user_role_association a USING iam.roles r
     WHERE a.user_id = ${user.id} AND a.role_context = ${context} AND a.role_name = ${name}
       AND (r.context, r.name, r.tenant_id) = (a.role_context, a.role_name, a.role_tenant_id)
       AND ${isHeld}
    RETURNING r.permissions`);
  if (rows[0] === undefined) {
    throw platformErrors.failure("not_found", { detail: "The user does not hold this role" });
  }
  assertMayGive(by, context, rows[0].permissions);
  await guard?.assertKept();
  return {
    result: await raiseVersion(tx, user),
    changed: [user],
    events: [eventOf(change, "role.remove", { subject: user.id, reason: `${context}:${name}` })],
  };
}

/** Only what can take an administrator away has to wait for others of its kind. */
async function guardOf(
  tx: Transaction,
  { context, name, tenantId }: Pick<RoleChange, "context" | "name" | "tenantId">,
  takesAway: boolean,
) {
  if (!takesAway || context !== "iam" || name !== ADMINISTRATOR_ROLE) return undefined;
  return await guardAdministrators(tx, tenantId);
}

function giftEvent(gift: Gift, subject: string) {
  const { context, name, expiresAt } = gift;
  const until = expiresAt === undefined ? "" : ` until ${expiresAt.toISOString()}`;
  return eventOf(gift, "role.assign", { subject, reason: `${context}:${name}${until}` });
}

/** Answers who did not hold the role before, or not until the same time. */
async function insertAssignments(
  tx: Transaction,
  { tenantId, context, name, expiresAt, by = THE_PROGRAM }: Gift,
  userIds: readonly string[],
): Promise<string[]> {
  const { rows: roles } = await tx.query<{ tenant_id: string; permissions: string[] }>(sql`
    SELECT tenant_id, permissions FROM iam.roles
     WHERE context = ${context} AND name = ${name}
       AND tenant_id IN (${BUILT_IN_TENANT_ID}, ${tenantId})`);
  const [role] = roles;
  if (role === undefined) throw iamErrors.failure("role_unknown");
  assertMayGive(by, context, role.permissions);
  const { rows } = await tx.query<{ user_id: string }>(sql`
    INSERT INTO iam.user_role_association AS a
      (user_id, role_context, role_name, role_tenant_id, expires_at)
    SELECT id, ${context}, ${name}, ${role.tenant_id}::uuid, ${expiresAt ?? null}::timestamptz
      FROM unnest(${userIds}::uuid[]) AS id
    ON CONFLICT ON CONSTRAINT user_role_key DO UPDATE
       SET expires_at = excluded.expires_at, assigned_at = now()
     WHERE a.expires_at IS DISTINCT FROM excluded.expires_at
    RETURNING user_id`);
  return rows.map((row) => row.user_id);
}
