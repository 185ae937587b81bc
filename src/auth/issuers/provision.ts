import { AppError } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import { recordEvent } from "../audit/store.ts";
import type { Identity, ProvisionForeignUser } from "../index.ts";
import type { IsTenantActive } from "../tenants/standing.ts";

/** Whether there is a user now. False: somebody was discarded, or the whole tenant is not active. */
export type Provision = (caller: Identity & { readonly tenantId: string }) => Promise<boolean>;

/**
 * Makes IAM users of callers whose token is good and whom nobody knows, where their issuer's
 * settings say `create`. Parallel first requests make one user.
 */
export function createProvision(
  database: Pick<Database, "withTransaction">,
  provisionForeignUser: ProvisionForeignUser,
  isTenantActive: IsTenantActive,
): Provision {
  return async (caller) => {
    if (!(await isTenantActive(caller.tenantId))) return false;
    const made = database.withTransaction(async (tx) => {
      const outcome = await provisionForeignUser(tx, caller);
      if (outcome === "made") {
        const { issuer, subject, tenantId } = caller;
        await recordEvent(tx, { action: "user.provision", subject, tenantId, reason: issuer });
      }
      return outcome !== "discarded";
    });
    return made.catch((error: unknown) => {
      // An administrator made the user at the same moment.
      if (error instanceof AppError && error.code === "user_exists") return true;
      throw error;
    });
  };
}
