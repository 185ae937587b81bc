import { json } from "../http/reply.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { closed, Type, uuid } from "../http/schema.ts";
import { platformErrors } from "../platform/errors.ts";
import type { ForeignIssuerSettings } from "../platform/issuer-settings.ts";
import { revokedTokenLimits as limits } from "../platform/limits.ts";
import type { Database } from "../platform/postgres.ts";
import { assertBelow, byOf } from "./accounts/administration.ts";
import type { FindIdentity, Invalidate, LoadRoles, WaitForCluster } from "./index.ts";
import { signOutForeign } from "./issuers/sign-out.ts";
import { ADMINS } from "./routes-admin.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";
import { waitQuery } from "./routes-schemas.ts";
import { waitIfAsked } from "./routes-sessions.ts";

export interface AdminUserDeps {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly waitForCluster: WaitForCluster;
  readonly findIdentity: FindIdentity;
  readonly loadRoles: LoadRoles;
  readonly config: { readonly issuers: readonly ForeignIssuerSettings[] };
}

/** Users whose accounts are elsewhere: what an administrator can do about their tokens. */
export function createAdminUserRoutes(deps: AdminUserDeps): Route[] {
  return [signOutRoute(deps)];
}

const signOutRoute = (deps: AdminUserDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/users/{user_id}/sign-out",
    summary: "Takes back everything a user of a foreign issuer has got before now",
    description:
      "Also what the issuer gives out later for a sign-in before now, where its tokens have " +
      "`auth_time`. For users with an account here: `/v1/admin/accounts/{account_id}/revoke-tokens`.",
    tag: "admin",
    access: ADMINS,
    params: closed({ user_id: uuid }),
    query: waitQuery,
    body: closed({
      reason: Type.String({ minLength: 1, maxLength: limits.reasonMaxCharacters }),
    }),
    bodyExample: { reason: "the phone was lost" },
    responses: {
      200: {
        description: "Done",
        schema: closed({ data: closed({ issuer: Type.String(), subject: Type.String() }) }),
      },
      404: { description: "`not_found`: nobody of the tenant" },
      409: { description: "`conflict`: the user has an account here" },
    },
    async handler(request) {
      const { params, principal, body, query } = request;
      const identity = await deps.findIdentity(params.user_id, principal.tenantId);
      if (identity === undefined) throw platformErrors.failure("not_found");
      const settings = deps.config.issuers.find(({ issuer }) => issuer === identity.issuer);
      // An issuer that is not configured any more: nothing of it counts anyway.
      if (settings === undefined) {
        throw platformErrors.failure("conflict", {
          detail: "The user is none of a foreign issuer",
        });
      }
      assertBelow(await deps.loadRoles(identity), principal);
      const done = await signOutForeign(deps, identity, {
        tenantId: principal.tenantId,
        reason: body.reason,
        toleranceSeconds: settings.toleranceSeconds,
        by: byOf(principal, callerOf(request)),
      });
      await waitIfAsked(deps, query.wait, done);
      return json(200, { data: { ...identity } }, NO_STORE);
    },
  });
