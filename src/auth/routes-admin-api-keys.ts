import { pageQuery, pagination, readPage, toPagination } from "../http/paging.ts";
import { json, noContent } from "../http/reply.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { closed, Type, uuid } from "../http/schema.ts";
import { byOf, findBelow, findOwn, type AdministrationOptions } from "./accounts/administration.ts";
import { revokeOthersKey, type OthersKeysOptions } from "./api-keys/others-keys.ts";
import { apiKeyView } from "./api-keys/schemas.ts";
import { listKeys } from "./api-keys/store.ts";
import type { WaitForCluster } from "./index.ts";
import { ADMINS } from "./routes-admin.ts";
import { toKeyView } from "./routes-api-keys.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";
import { waitQuery } from "./routes-schemas.ts";

export interface AdminKeyDeps extends AdministrationOptions, OthersKeysOptions {
  readonly database: OthersKeysOptions["database"];
  readonly waitForCluster: WaitForCluster;
}

const TAG = "admin";
const PATH = "/v1/admin/accounts/{account_id}/api-keys";
const listAnswer = closed({ data: Type.Array(apiKeyView), pagination });

/** API keys of other people of the caller's tenant: seen and revoked, never made or rotated. */
export function createAdminKeyRoutes(deps: AdminKeyDeps): Route[] {
  return [listRoute(deps), revokeRoute(deps)];
}

const listRoute = (deps: AdminKeyDeps) =>
  defineRoute({
    method: "GET",
    path: PATH,
    summary: "Lists the API keys of an account of the caller's tenant, the newest first",
    description: "Keys that ended are listed for some time. No secret is ever shown.",
    tag: TAG,
    access: ADMINS,
    params: closed({ account_id: uuid }),
    query: closed(pageQuery),
    responses: {
      200: { description: "The keys", schema: listAnswer },
      404: { description: "`not_found`: no account of the tenant" },
    },
    async handler({ principal, params, query }) {
      const { account } = await findOwn(deps, principal, params.account_id);
      // As many as one account may have, and those that ended not long ago.
      const keys = await listKeys(deps.database, account.id);
      const page = readPage(query);
      const data = keys.slice(page.skip, page.skip + page.limit).map(toKeyView);
      return json(200, { data, pagination: toPagination(page, keys.length) }, NO_STORE);
    },
  });

const revokeRoute = (deps: AdminKeyDeps) =>
  defineRoute({
    method: "DELETE",
    path: `${PATH}/{api_key_id}`,
    summary: "Revokes an API key of somebody else of the caller's tenant",
    description: "It is refused from the next request on.",
    tag: TAG,
    access: ADMINS,
    params: closed({ account_id: uuid, api_key_id: uuid }),
    query: waitQuery,
    responses: {
      204: { description: "Revoked" },
      403: { description: "`permission_denied`: the account may do what the caller may not" },
      404: { description: "`not_found`: no account of the tenant, or no live key of it" },
    },
    async handler(request) {
      const { principal, params, query } = request;
      const { account } = await findBelow(deps, principal, params.account_id);
      const by = byOf(principal, callerOf(request));
      const receipt = await revokeOthersKey(deps, account, params.api_key_id, by);
      if (query.wait === "cluster") await deps.waitForCluster(receipt.number);
      return noContent();
    },
  });
