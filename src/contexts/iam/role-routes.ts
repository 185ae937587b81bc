import { readPage, toPagination } from "../../http/paging.ts";
import { defineRoute, needs, type Route } from "../../http/route.ts";
import { json } from "../../http/reply.ts";
import type { Clock } from "../../platform/clock.ts";
import { byOf } from "./rank.ts";
import type { Role, RoleStore } from "./role-store.ts";
import { assertPermissionsOf, assertRoleName, readContext, readEnd, readVersion } from "./rules.ts";
import {
  bulkAnswer,
  bulkAssignBody,
  permissionsDescription,
  roleAnswer,
  roleChangeBody,
  roleCreateBody,
  roleListAnswer,
  roleListQuery,
  roleParams,
} from "./schemas.ts";
import type { UserStore } from "./user-store.ts";

export interface RoleRouteDeps {
  readonly users: UserStore;
  readonly roles: RoleStore;
  readonly clock: Clock;
}

export function createRoleRoutes(deps: RoleRouteDeps): Route[] {
  return [
    listRolesRoute(deps),
    createRoleRoute(deps),
    changeRoleRoute(deps),
    bulkAssignRoute(deps),
  ];
}

const listRolesRoute = ({ roles }: RoleRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/roles",
    summary: "Lists the roles that can be assigned",
    tag: "iam",
    access: needs("iam", "manage_roles"),
    query: roleListQuery,
    responses: { 200: { description: "One page", schema: roleListAnswer } },
    async handler({ query, principal }) {
      const page = readPage(query);
      const context = query.context === undefined ? undefined : readContext(query.context);
      const found = await roles.list({ tenantId: principal.tenantId, context, ...page });
      return json(200, {
        data: found.roles.map(toView),
        pagination: toPagination(page, found.total),
      });
    },
  });

const createRoleRoute = ({ roles }: RoleRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/roles",
    summary: "Makes a role of the caller's tenant",
    description: `Permissions are those of the role's own context. ${permissionsDescription}.`,
    tag: "iam",
    access: needs("iam", "manage_roles"),
    body: roleCreateBody,
    bodyExample: {
      context: "recipes_catalog",
      name: "menu_writer",
      permissions: ["manage_menus", "manage_meals"],
    },
    responses: {
      201: { description: "The role exists now", schema: roleAnswer },
      409: { description: "`role_exists`" },
    },
    async handler(request) {
      const { body, principal, log } = request;
      const context = readContext(body.context);
      assertRoleName(body.name);
      assertPermissionsOf(context, body.permissions, "/body/permissions");
      const { name, permissions } = body;
      const role = await roles.create({
        tenantId: principal.tenantId,
        context,
        name,
        permissions,
        by: byOf(request),
      });
      log.info({ context, role: name, by: principal.userId }, "role created");
      return json(201, { data: toView(role) });
    },
  });

const changeRoleRoute = ({ roles }: RoleRouteDeps) =>
  defineRoute({
    method: "PATCH",
    path: "/v1/roles/{context}/{name}",
    summary: "Replaces the permissions of a role; works on the next request of all who hold it",
    description: `Built-in roles keep theirs. ${permissionsDescription}.`,
    tag: "iam",
    access: needs("iam", "manage_roles"),
    params: roleParams,
    body: roleChangeBody,
    bodyExample: { permissions: ["manage_menus"], version: 1 },
    responses: {
      200: { description: "The role as it is now", schema: roleAnswer },
      409: { description: "`role_built_in` or `version_conflict`" },
    },
    async handler(request) {
      const { params, body, principal, log } = request;
      const context = readContext(params.context);
      assertPermissionsOf(context, body.permissions, "/body/permissions");
      const role = await roles.change({
        tenantId: principal.tenantId,
        context,
        name: params.name,
        permissions: body.permissions,
        version: readVersion(request, body.version),
        by: byOf(request),
      });
      log.info({ context, role: params.name, by: principal.userId }, "role changed");
      return json(200, { data: toView(role) });
    },
  });

const bulkAssignRoute = ({ users, clock }: RoleRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/roles/{context}/{name}/users",
    summary: "Gives a role to many users at once",
    description: "Users the tenant does not have are listed in `unknown`; the others get the role.",
    tag: "iam",
    access: needs("iam", "manage_roles"),
    params: roleParams,
    body: bulkAssignBody,
    bodyExample: { user_ids: ["0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"] },
    responses: {
      200: { description: "What was changed", schema: bulkAnswer },
      422: { description: "`role_unknown`, or a rule of the body is broken" },
    },
    async handler(request) {
      const { params, body, principal, log } = request;
      const context = readContext(params.context);
      const { name } = params;
      const userIds = body.user_ids;
      const { tenantId } = principal;
      const outcome = await users.assignRoleToMany({
        userIds,
        tenantId,
        context,
        name,
        expiresAt: readEnd(body.expires_at, clock.nowMs()),
        by: byOf(request),
      });
      log.info(
        { context, role: name, by: principal.userId, target_user_ids: outcome.assigned },
        "role given to many",
      );
      return json(200, { data: outcome });
    },
  });

function toView(role: Role) {
  return {
    context: role.context,
    name: role.name,
    permissions: role.permissions,
    built_in: role.builtIn,
    version: role.version,
    created_at: role.createdAt.toISOString(),
    updated_at: role.updatedAt.toISOString(),
  };
}
