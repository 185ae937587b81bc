import type { Database } from "../../platform/postgres.ts";
import type { DocumentCache, LoadRoles } from "../index.ts";
import { ALLOW, type LoginGate } from "../session/login-gate.ts";
import { findTenant } from "./store-admin.ts";

/** Whether anybody of a tenant may do anything. A tenant that is not there is not active. */
export type IsTenantActive = (tenantId: string) => boolean | Promise<boolean>;

/** Kept per thread like the policies, and dropped with them. */
export function createIsTenantActive({
  database,
  documents,
}: {
  readonly database: Pick<Database, "query">;
  readonly documents: DocumentCache;
}): IsTenantActive {
  const standings = documents.open<{ readonly isActive: boolean }>({
    name: "tenant_standings",
    dependsOn: [{ kind: "policies" }],
    async load(tenantId) {
      const tenant = await findTenant(database, tenantId);
      return Object.freeze({ isActive: tenant?.active === true });
    },
  });
  return (tenantId) => {
    const standing = standings.get(tenantId);
    return standing instanceof Promise
      ? standing.then(({ isActive }) => isActive)
      : standing.isActive;
  };
}

/**
 * Nobody of a tenant that was deactivated has roles, and so is nobody here: whatever the token,
 * key or client is that they come with.
 */
export function ofActiveTenants(loadRoles: LoadRoles, isTenantActive: IsTenantActive): LoadRoles {
  return async (identity, mapped) => {
    const grants = await loadRoles(identity, mapped);
    return grants !== undefined && (await isTenantActive(grants.tenantId)) ? grants : undefined;
  };
}

/** Refuses the right password of somebody whose tenant is not active. */
export function createTenantGate(isTenantActive: IsTenantActive): LoginGate {
  return async ({ account }) =>
    (await isTenantActive(account.tenantId))
      ? ALLOW
      : { kind: "refuse", code: "account_disabled", reason: "tenant" };
}
