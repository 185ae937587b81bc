import { CONTEXTS, type Principal } from "../../http/principal.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { authErrors } from "../errors.ts";
import type { LoadRoles, RoleGrants } from "../index.ts";
import type { Caller } from "../session/open.ts";
import type { By } from "./standing.ts";
import { findManaged, type ManagedAccount } from "./store-admin.ts";

export interface AdministrationOptions {
  readonly database: Database;
  readonly loadRoles: LoadRoles;
  readonly config: { readonly publicUrl: string };
}

/** Whoever administers, for the audit log. */
export function byOf(principal: Principal, caller: Caller): By {
  return { actor: principal.userId, ...placeOf(caller) };
}

/** An account of the administrator's tenant; another tenant's is not there. Throws `not_found`. */
export async function findOwn(
  { database }: Pick<AdministrationOptions, "database">,
  principal: Principal,
  accountId: string,
): Promise<ManagedAccount> {
  const found = await findManaged(database, accountId, principal.tenantId);
  if (found === undefined) throw platformErrors.failure("not_found");
  return found;
}

/**
 * The same for a change: of nobody who may do what the administrator may not, because whoever can
 * change an account could come to act as it, and not of the administrator. Throws `not_found`,
 * `permission_denied`.
 */
export async function findBelow(
  options: AdministrationOptions,
  principal: Principal,
  accountId: string,
): Promise<ManagedAccount> {
  const found = await findOwn(options, principal, accountId);
  if (accountId === principal.accountId) {
    throw authErrors.failure("permission_denied", { detail: "Not to be done to oneself" });
  }
  const issuer = options.config.publicUrl;
  assertBelow(await options.loadRoles({ issuer, subject: accountId }), principal);
  return found;
}

/** Throws `permission_denied` when somebody may do what the administrator may not. */
export function assertBelow(grants: RoleGrants | undefined, principal: Principal): void {
  const isBelow = CONTEXTS.every((context) =>
    (grants?.permissions[context] ?? []).every((permission) =>
      principal.permissions[context]?.includes(permission),
    ),
  );
  if (isBelow) return;
  throw authErrors.failure("permission_denied", {
    detail: "The account has permissions that the caller lacks",
  });
}
