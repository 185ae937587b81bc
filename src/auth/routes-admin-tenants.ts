import { pageQuery, readPage, toPagination } from "../http/paging.ts";
import type { Principal } from "../http/principal.ts";
import { json, noContent } from "../http/reply.ts";
import { closed } from "../http/schema.ts";
import { defineRoute, STEP_UP, type Route } from "../http/route.ts";
import { assertSteppedUp } from "../http/step-up.ts";
import type { Config } from "../platform/config.ts";
import { platformErrors } from "../platform/errors.ts";
import { byOf } from "./accounts/administration.ts";
import { DEFAULT_TENANT_ID } from "../platform/ids.ts";
import type { InvitationOptions } from "./accounts/invitation.ts";
import { authErrors } from "./errors.ts";
import type { GiveAdministrator, Invalidate } from "./index.ts";
import { ADMINS } from "./routes-admin.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";
import { changePolicy, createTenant, setTenantActive } from "./tenants/administration.ts";
import {
  asksLess,
  defaultPolicy,
  mergePolicy,
  type PolicySettings,
  type StoredPolicy,
} from "./tenants/policy.ts";
import * as schemas from "./tenants/schemas.ts";
import { findTenant, listTenants, type Tenant } from "./tenants/store-admin.ts";

export interface AdminTenantDeps extends InvitationOptions {
  readonly invalidate: Invalidate;
  readonly giveAdministrator: GiveAdministrator;
  readonly config: InvitationOptions["config"] & PolicySettings & Pick<Config, "publicUrl">;
}

const TAG = "admin";
const PATH = "/v1/admin/tenants";

/** Tenants: all of them for administrators of the default one, their own for the others. */
export function createAdminTenantRoutes(deps: AdminTenantDeps): Route[] {
  return [
    createRoute(deps),
    listRoute(deps),
    findRoute(deps),
    policyRoute(deps),
    activityRoute(deps, "deactivate"),
    activityRoute(deps, "activate"),
  ];
}

const isAboveTenants = ({ tenantId }: Principal) => tenantId === DEFAULT_TENANT_ID;

function assertAboveTenants(principal: Principal): void {
  if (!isAboveTenants(principal)) throw authErrors.failure("permission_denied");
}

/** Another tenant is there for those above tenants only. Throws `not_found`. */
async function findVisible(
  { database }: AdminTenantDeps,
  principal: Principal,
  tenantId: string,
): Promise<Tenant> {
  const isVisible = isAboveTenants(principal) || principal.tenantId === tenantId;
  const tenant = isVisible ? await findTenant(database, tenantId) : undefined;
  if (tenant === undefined) throw platformErrors.failure("not_found");
  return tenant;
}

const createRoute = (deps: AdminTenantDeps) =>
  defineRoute({
    method: "POST",
    path: PATH,
    summary: "Makes a tenant, and invites its first administrator",
    description: "For administrators of the default tenant.",
    tag: TAG,
    access: ADMINS,
    body: schemas.createBody,
    bodyExample: { name: "clinic-north", administrator: { email: "ana@clinic.example" } },
    responses: {
      201: { description: "The tenant", schema: schemas.tenantAnswer },
      409: { description: "`conflict`: the name is taken; `account_exists`: the address is" },
    },
    async handler(request) {
      const { principal, body } = request;
      assertAboveTenants(principal);
      const by = byOf(principal, callerOf(request));
      const tenant = await createTenant(deps, body.name, body.administrator, by);
      const data = schemas.toTenantView(tenant, defaultPolicy(deps.config));
      return json(201, { data }, { location: `${PATH}/${tenant.id}`, ...NO_STORE });
    },
  });

const listRoute = ({ database, config }: AdminTenantDeps) =>
  defineRoute({
    method: "GET",
    path: PATH,
    summary: "Lists tenants, the oldest first",
    description: "For administrators of the default tenant.",
    tag: TAG,
    access: ADMINS,
    query: closed(pageQuery),
    responses: { 200: { description: "One page", schema: schemas.tenantListAnswer } },
    async handler({ query, principal }) {
      assertAboveTenants(principal);
      const page = readPage(query);
      const { tenants, total } = await listTenants(database, page);
      const data = tenants.map((tenant) => schemas.toTenantView(tenant, defaultPolicy(config)));
      return json(200, { data, pagination: toPagination(page, total) }, NO_STORE);
    },
  });

const findRoute = (deps: AdminTenantDeps) =>
  defineRoute({
    method: "GET",
    path: `${PATH}/{tenant_id}`,
    summary: "A tenant with its policy: the caller's own",
    description: "Any tenant for administrators of the default one.",
    tag: TAG,
    access: ADMINS,
    params: schemas.tenantParams,
    responses: { 200: { description: "The tenant", schema: schemas.tenantAnswer } },
    async handler({ params, principal }) {
      const tenant = await findVisible(deps, principal, params.tenant_id);
      const data = schemas.toTenantView(tenant, defaultPolicy(deps.config));
      return json(200, { data }, { ...NO_STORE, etag: `"${tenant.version}"` });
    },
  });

const policyRoute = (deps: AdminTenantDeps) =>
  defineRoute({
    method: "PUT",
    path: `${PATH}/{tenant_id}/policy`,
    summary: "Replaces what a tenant decides for itself; in force on the next request",
    description:
      "What is left out is the server's default. A policy whose `mfa.mode` asks fewer people for a " +
      "second factor than the present one needs a fresh authentication of a person.",
    tag: TAG,
    access: ADMINS,
    params: schemas.tenantParams,
    body: schemas.policyBody,
    bodyExample: { policy: { sessions: { perAccount: 3 }, mfa: { mode: "required" } } },
    responses: {
      200: { description: "The tenant as it is now", schema: schemas.tenantAnswer },
      401: { description: "`step_up_required`: `mfa.mode` becomes weaker; authenticate again" },
      409: { description: "`version_conflict`" },
      422: { description: "A field is out of its bounds, or two contradict each other" },
    },
    async handler(request) {
      const { params, principal, body } = request;
      const { id } = await findVisible(deps, principal, params.tenant_id);
      const defaults = defaultPolicy(deps.config);
      schemas.assertCoherent(body.policy, defaults);
      const assertAllowed = (before: StoredPolicy) => {
        const now = mergePolicy(defaults, body.policy);
        // What a stolen token would do first.
        if (asksLess(now, mergePolicy(defaults, before))) {
          assertSteppedUp(principal, STEP_UP, deps.clock);
        }
      };
      const by = byOf(principal, callerOf(request));
      const tenant = await changePolicy(deps, id, { ...body, assertAllowed }, by);
      return json(200, { data: schemas.toTenantView(tenant, defaults) }, NO_STORE);
    },
  });

const activityRoute = (deps: AdminTenantDeps, verb: "deactivate" | "activate") =>
  defineRoute({
    method: "POST",
    path: `${PATH}/{tenant_id}/${verb}`,
    summary:
      verb === "activate"
        ? "Takes a tenant up again"
        : "Takes a tenant out of use; all its tokens are refused at once",
    description: "For administrators of the default tenant.",
    tag: TAG,
    access: ADMINS,
    params: schemas.tenantParams,
    responses: {
      204: { description: "Done" },
      409: { description: "`conflict`: the default tenant stays active" },
    },
    async handler(request) {
      const { params, principal } = request;
      const { id } = await findVisible(deps, principal, params.tenant_id);
      assertAboveTenants(principal);
      await setTenantActive(deps, id, verb === "activate", byOf(principal, callerOf(request)));
      return noContent();
    },
  });
