import { noContent } from "../../http/reply.ts";
import { defineRoute, STEP_UP, type Route } from "../../http/route.ts";
import { findBelow, type AdministrationOptions } from "../accounts/administration.ts";
import { callerOf } from "../routes-replies.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { ChangeFactors } from "./change-factors.ts";
import { accountParams } from "./routes-schemas.ts";
import { deletePasskeys } from "./store-passkeys.ts";
import { deleteTotp } from "./store-totp.ts";

export interface ResetRouteDeps extends AdministrationOptions {
  readonly changeFactors: ChangeFactors;
  readonly throttle: Throttle;
}

export function createResetRoutes(deps: ResetRouteDeps): Route[] {
  return [resetRoute(deps)];
}

/** For somebody who lost everything: an administrator made sure who is asking. */
const resetRoute = (deps: ResetRouteDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/admin/accounts/{account_id}/mfa",
    summary: "Removes all second factors of an account and ends its sessions",
    description: "In the caller's tenant only, of nobody who may do more than the caller.",
    tag: "admin",
    access: {
      kind: "permission",
      context: "iam",
      permission: "manage_users",
      kinds: ["user"],
      stepUp: STEP_UP,
    },
    params: accountParams,
    responses: {
      204: { description: "It has none" },
      403: {
        description: "`permission_denied`: it may do what the caller may not, or is the caller",
      },
      404: { description: "`not_found`: no account of the caller's tenant" },
    },
    async handler(request) {
      const { principal, params } = request;
      const { account } = await findBelow(deps, principal, params.account_id);
      const { changeFactors, throttle } = deps;
      await throttle.take("revokeAccount", principal.userId);
      const { id: accountId, tenantId } = account;
      const change = {
        accountId,
        tenantId,
        actor: principal.userId,
        sessionId: undefined,
        action: "mfa.reset",
        caller: callerOf(request),
      } as const;
      await changeFactors(change, async (tx) => {
        await deleteTotp(tx, accountId);
        await deletePasskeys(tx, accountId);
      });
      return noContent();
    },
  });
