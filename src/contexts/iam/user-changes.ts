import type {
  DiscardUser,
  GiveAdministrator,
  Identity,
  Invalidate,
  ProvisionForeignUser,
  RecordIamEvents,
} from "../../auth/index.ts";
import type { ContextName, Principal } from "../../http/principal.ts";
import { newId, normaliseUuid } from "../../platform/ids.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { ADMINISTRATOR_ROLE } from "./catalogue.ts";
import {
  createChanging,
  eventOf,
  guardAdministrators,
  lockUser,
  raiseVersion,
  type Changed,
} from "./change.ts";
import { assertAbove } from "./rank.ts";
import { assignRole, assignRoleToMany, removeRole } from "./role-changes.ts";
import { insertUser, isHeld, type IssuerNames } from "./store.ts";
import type { ChangeResult, NewUser, UserChange, UserStore } from "./user-store.ts";

type Changes = Omit<UserStore, "list" | "find">;

/**
 * The transactions that change users and who holds which role. Each locks its user row first, so
 * changes of one user come one after the other.
 */
export function createUserChanges(
  database: Database,
  ports: { readonly invalidate: Invalidate; readonly record: RecordIamEvents },
  issuerNames: IssuerNames,
): Changes {
  const changing = createChanging(database, ports, issuerNames);
  return {
    create: changing(async (tx, user: NewUser) => {
      const id = await idForSubject(tx, issuerNames, user);
      await insertUser(tx, issuerNames, { ...user, userId: id });
      return {
        result: { id, version: 1 },
        // A request of this identity that is being refused right now must not decide later ones.
        changed: [{ ...user, id, version: 1 }],
        events: [eventOf(user, "user.create", { subject: id })],
      };
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
  const guard = await guardAdministrators(tx, change.tenantId);
  const user = await lockUser(tx, change);
  if (change.by !== undefined) assertAbove(change.by, await permissionsOf(tx, user.id));
  await tx.query(sql`UPDATE iam.users SET discarded = true WHERE id = ${user.id}`);
  await guard.assertKept();
  return {
    result: await raiseVersion(tx, user),
    changed: [user],
    events: [eventOf(change, "user.discard", { subject: user.id })],
  };
}

async function permissionsOf(tx: Transaction, userId: string): Promise<Principal["permissions"]> {
  const { rows } = await tx.query<{ context: ContextName; permissions: string[] }>(sql`
    SELECT r.context, array_agg(DISTINCT permission) AS permissions
      FROM iam.user_role_association a
      JOIN iam.roles r ON (r.context, r.name, r.tenant_id)
                        = (a.role_context, a.role_name, a.role_tenant_id),
           unnest(r.permissions) AS permission
     WHERE a.user_id = ${userId} AND ${isHeld}
     GROUP BY r.context`);
  return Object.fromEntries(rows.map(({ context, permissions }) => [context, permissions]));
}
