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

/**
 * Policies of all tenants, kept per thread. Whoever changes one invalidates `{ kind: "policies" }`
 * in the same transaction. A tenant that does not exist has the defaults.
 */
export function createPolicyOf({ database, documents, config }: PoliciesOptions): PolicyOf {
  const defaults = mergePolicy(defaultPolicy(config), {});
  const policies = documents.open<TenantPolicy>({
    name: "tenant_policies",
    dependsOn: [{ kind: "policies" }],
    async load(tenantId) {
      const stored = await findStoredPolicy(database, tenantId);
      return stored === undefined ? defaults : mergePolicy(defaults, stored);
    },
  });
  return (tenantId) => policies.get(tenantId);
}
