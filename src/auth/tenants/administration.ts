import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { isUniqueViolation, type Database } from "../../platform/postgres.ts";
import { DEFAULT_TENANT_ID } from "../accounts/identifiers.ts";
import { invite, type InvitationOptions } from "../accounts/invitation.ts";
import type { By } from "../accounts/standing.ts";
import { recordEvent } from "../audit/store.ts";
import type { GiveAdministrator, Invalidate } from "../index.ts";
import type { Language } from "../mail/language.ts";
import type { StoredPolicy } from "./policy.ts";
import { insertTenant, updateTenant, type Tenant } from "./store-admin.ts";

export interface TenantOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
}

/** Throws `conflict` for a name that is taken. */
export async function createTenant(
  { database }: Pick<TenantOptions, "database">,
  name: string,
  by: By,
): Promise<Tenant> {
  try {
    return await database.withTransaction(async (tx) => {
      const tenant = await insertTenant(tx, { id: newId(), name });
      await recordEvent(tx, { action: "tenant.create", ...by, tenantId: tenant.id });
      return tenant;
    });
  } catch (error) {
    if (!isUniqueViolation(error, "tenants_name")) throw error;
    throw platformErrors.failure("conflict", { detail: "A tenant of this name exists" });
  }
}

/** Invites the first administrator of a tenant. Throws `account_exists`, `validation_failed`. */
export function inviteAdministrator(
  options: InvitationOptions & { readonly giveAdministrator: GiveAdministrator },
  tenantId: string,
  person: { email: string; name?: string | undefined; language?: Language | undefined },
  by: By,
) {
  const { email, name, language = "en" } = person;
  return invite(options, { email, name, language, tenantId }, by, (tx, { id }) =>
    options.giveAdministrator(tx, { userId: id }),
  );
}

/** In force on the next request, in every process. Throws `not_found`, `version_conflict`. */
export async function changePolicy(
  { database, invalidate }: TenantOptions,
  tenantId: string,
  change: { readonly policy: StoredPolicy; readonly version?: number | undefined },
  by: By,
): Promise<Tenant> {
  return database.withTransaction(
    async (tx) => {
      const tenant = await updateTenant(tx, tenantId, change);
      if (tenant === undefined) throw platformErrors.failure("version_conflict");
      const reason = Object.keys(change.policy).join(", ");
      await recordEvent(tx, { action: "tenant.update", ...by, tenantId, reason });
      invalidate(tx, [{ kind: "policies" }]);
      return tenant;
    },
    { revocation: true },
  );
}

/**
 * Takes a whole tenant out of use, or up again: all its tokens are refused from the next request
 * on, in every process. Throws `not_found`, and `conflict` for the default tenant.
 */
export async function setTenantActive(
  { database, invalidate }: TenantOptions,
  tenantId: string,
  active: boolean,
  by: By,
): Promise<void> {
  if (tenantId === DEFAULT_TENANT_ID) {
    throw platformErrors.failure("conflict", { detail: "The default tenant stays active" });
  }
  await database.withTransaction(
    async (tx) => {
      const tenant = await updateTenant(tx, tenantId, { active });
      if (tenant === undefined) throw platformErrors.failure("not_found");
      const action = active ? "tenant.enable" : "tenant.disable";
      await recordEvent(tx, { action, ...by, tenantId });
      invalidate(tx, [{ kind: "policies" }, { kind: "tenant", id: tenantId }]);
    },
    { revocation: true },
  );
}
