import type {
  IamEvent,
  Identity,
  Invalidate,
  InvalidationKey,
  RecordIamEvents,
} from "../../auth/index.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { ADMINISTRATOR_ROLE } from "./catalogue.ts";
import { iamErrors } from "./errors.ts";
import { THE_PROGRAM, type By } from "./rank.ts";
import { isHeld, type IssuerNames } from "./store.ts";
import type { ChangeResult, UserChange } from "./user-store.ts";

/** A user row under lock. */
export interface LockedUser extends Identity {
  readonly id: string;
  readonly version: number;
}

/** What a transaction did: its answer, whose rights changed by it, and what the audit log is told. */
export interface Changed<R> {
  readonly result: R;
  readonly changed: readonly LockedUser[];
  readonly events: readonly IamEvent[];
}

/**
 * Runs a change in a transaction of its own, writes its events there, and names the identities to
 * `invalidate` last.
 */
export function createChanging(
  database: Database,
  ports: { readonly invalidate: Invalidate; readonly record: RecordIamEvents },
  issuerNames: IssuerNames,
) {
  const keyOf = (user: LockedUser): InvalidationKey => ({
    kind: "identity",
    issuer: issuerNames.real(user.issuer),
    subject: user.subject,
  });
  return <C, R>(change: (tx: Transaction, named: C) => Promise<Changed<R>>) =>
    (named: C): Promise<R> =>
      database.withTransaction(
        async (tx) => {
          const { result, changed, events } = await change(tx, named);
          await ports.record(tx, events);
          if (changed.length > 0) ports.invalidate(tx, changed.map(keyOf));
          return result;
        },
        { revocation: true },
      );
}

/** An event of a change, by whoever makes it. */
export function eventOf(
  { tenantId, by = THE_PROGRAM }: { readonly tenantId: string; readonly by?: By | undefined },
  action: IamEvent["action"],
  more: Pick<IamEvent, "subject" | "reason">,
): IamEvent {
  return { action, actor: by.actor, request: by.request, tenantId, ...more };
}

/** Throws `not_found`, `version_conflict`. */
export async function lockUser(tx: Transaction, change: UserChange): Promise<LockedUser> {
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

/**
 * Two administrators who take the role from each other at the same moment must not both succeed:
 * from here on, changes that can take away an administrator of the tenant wait for this one.
 * Afterwards `assertKept` throws `last_administrator` when nobody is left, or nobody whose role
 * does not end by itself.
 */
export async function guardAdministrators(
  tx: Transaction,
  tenantId: string,
): Promise<{ assertKept(): Promise<void> }> {
  const name = `iam administrators of ${tenantId}`;
  await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
  const before = await standing(tx, tenantId);
  return {
    async assertKept() {
      if ((await standing(tx, tenantId)) < before) throw iamErrors.failure("last_administrator");
    },
  };
}

/** 2: somebody is administrator for good; 1: for a while; 0: nobody. */
async function standing(tx: Transaction, tenantId: string): Promise<number> {
  const { rows } = await tx.query<{ standing: number }>(sql`
    SELECT coalesce(max(CASE WHEN a.expires_at IS NULL THEN 2 ELSE 1 END), 0) AS standing
      FROM iam.user_role_association a JOIN iam.users u ON u.id = a.user_id
     WHERE a.role_context = 'iam' AND a.role_name = ${ADMINISTRATOR_ROLE} AND ${isHeld}
       AND u.tenant_id = ${tenantId} AND NOT u.discarded`);
  return rows[0]!.standing;
}

/** Whoever has seen the user before has seen another one. */
export async function raiseVersion(tx: Transaction, user: LockedUser): Promise<ChangeResult> {
  const { rows } = await tx.query<ChangeResult>(sql`
    UPDATE iam.users SET version = version + 1, updated_at = now()
     WHERE id = ${user.id} RETURNING id, version`);
  return rows[0]!;
}
