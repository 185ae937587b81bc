import type { Database } from "../../platform/postgres.ts";
import type { DocumentCache } from "../index.ts";
import { defaultPolicy, mergePolicy, type PolicySettings, type TenantPolicy } from "./policy.ts";
import { findStoredPolicy } from "./store.ts";

/** The policy in force now: a value when this thread knows it, a promise when it must be read. */
export type PolicyOf = (tenantId: string) => TenantPolicy | Promise<TenantPolicy>;

export interface PoliciesOptions {
  readonly database: Pick<Database, "read">;
  readonly documents: DocumentCache;
  readonly config: PolicySettings;
}

type Source = Pick<PoliciesOptions, "database" | "config">;

/** For a program that asks once: reads the policy each time. */
export function createFreshPolicyOf({ database, config }: Source): PolicyOf {
  const defaults = mergePolicy(defaultPolicy(config), {});
  return async (tenantId) => {
    const stored = await findStoredPolicy(database, tenantId);
    return stored === undefined ? defaults : mergePolicy(defaults, stored);
  };
}

/**
 * Policies of all tenants, kept per thread. Whoever changes one invalidates `{ kind: "policies" }`
 * in the same transaction. A tenant that does not exist has the defaults.
 */
export function createPolicyOf({ database, documents, config }: PoliciesOptions): PolicyOf {
  const fresh = createFreshPolicyOf({ database, config });
  const policies = documents.open<TenantPolicy>({
    name: "tenant_policies",
    dependsOn: [{ kind: "policies" }],
    load: async (tenantId) => fresh(tenantId),
  });
  return (tenantId) => policies.get(tenantId);
}
