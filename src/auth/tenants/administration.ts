import { platformErrors } from "../../platform/errors.ts";
import { DEFAULT_TENANT_ID, newId } from "../../platform/ids.ts";
import { isUniqueViolation, type Database } from "../../platform/postgres.ts";
import { toAccountExists } from "../accounts/accounts.ts";
import { inviteWithin, type InvitationOptions } from "../accounts/invitation.ts";
import type { By } from "../accounts/standing.ts";
import { recordEvent } from "../audit/store.ts";
import type { GiveAdministrator, Invalidate } from "../index.ts";
import type { Language } from "../mail/language.ts";
import type { StoredPolicy } from "./policy.ts";
import { holdPolicy, insertTenant, updateTenant, type Tenant } from "./store-admin.ts";

export interface TenantOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
}

export interface FoundingOptions extends InvitationOptions {
  readonly giveAdministrator: GiveAdministrator;
}

/** Whom a new tenant begins with. */
export interface FirstAdministrator {
  readonly email: string;
  readonly name?: string | undefined;
  readonly language?: Language | undefined;
}

/**
 * Makes a tenant and invites its first administrator, both or neither: a tenant without one could
 * be given none later. Throws `conflict` for a name that is taken, `account_exists`,
 * `validation_failed`.
 */
export async function createTenant(
  options: FoundingOptions,
  name: string,
  administrator: FirstAdministrator | undefined,
  by: By,
): Promise<Tenant> {
  try {
    return await options.database.withTransaction(async (tx) => {
      const tenant = await insertTenant(tx, { id: newId(), name });
      await recordEvent(tx, { action: "tenant.create", ...by, tenantId: tenant.id });
      if (administrator !== undefined) {
        const { language = "en", ...person } = administrator;
        const request = { ...person, language, tenantId: tenant.id };
        const { id } = await inviteWithin(tx, options, request, by);
        await options.giveAdministrator(tx, { userId: id });
      }
      return tenant;
    });
  } catch (error) {
    if (!isUniqueViolation(error, "tenants_name")) throw toAccountExists(error) ?? error;
    throw platformErrors.failure("conflict", { detail: "A tenant of this name exists" });
  }
}

/** In force on the next request, in every process. Throws `not_found`, `version_conflict`. */
export async function changePolicy(
  { database, invalidate }: TenantOptions,
  tenantId: string,
  change: {
    readonly policy: StoredPolicy;
    readonly version?: number | undefined;
    /** Throws where the one who asks may not change what was decided before into this. */
    readonly assertAllowed?: ((before: StoredPolicy) => void) | undefined;
  },
  by: By,
): Promise<Tenant> {
  return database.withTransaction(
    async (tx) => {
      const before = await holdPolicy(tx, tenantId);
      if (before !== undefined) change.assertAllowed?.(before);
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
