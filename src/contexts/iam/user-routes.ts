import { httpErrors } from "../../http/errors.ts";
import { readPage, toPagination } from "../../http/paging.ts";
import { AUTHENTICATED, defineRoute, needs, type Route } from "../../http/route.ts";
import { json, JSON_TEXT, noContent } from "../../http/reply.ts";
import type { Clock } from "../../platform/clock.ts";
import { normaliseUuid } from "../../platform/ids.ts";
import { platformErrors, type AppError } from "../../platform/errors.ts";
import { createSharedWork } from "../../platform/shared-work.ts";
import { byOf } from "./rank.ts";
import { assertPermissionsOf, maySeeUser, readContext, readEnd, readVersion } from "./rules.ts";
import {
  changeAnswer,
  heldRoleParams,
  roleAssignBody,
  userAnswer,
  userCreateBody,
  userListAnswer,
  userListQuery,
  userParams,
} from "./schemas.ts";
import type { User, UserStore } from "./user-store.ts";

export interface UserRouteDeps {
  readonly users: UserStore;
  readonly clock: Clock;
  readonly ownIssuer: string;
  /** Whose users may be created too; the first of the caller's tenant is meant where a body names none. */
  readonly foreignIssuers: readonly IssuerOfTenant[];
}

/** A foreign issuer, and the tenant that its users belong to. */
export interface IssuerOfTenant {
  readonly issuer: string;
  readonly tenantId: string;
}

export function createUserRoutes(deps: UserRouteDeps): Route[] {
  return [
    createUserRoute(deps),
    listUsersRoute(deps),
    findUserRoute(deps),
    discardUserRoute(deps),
    assignRoleRoute(deps),
    removeRoleRoute(deps),
  ];
}

const createUserRoute = ({ users, ownIssuer, foreignIssuers }: UserRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/users",
    summary: "Makes a user of an identity, with the role `user` in every context",
    tag: "iam",
    access: needs("iam", "manage_users"),
    body: userCreateBody,
    bodyExample: { user_id: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b" },
    responses: {
      201: { description: "The user exists now", schema: changeAnswer },
      409: { description: "`user_exists`: the identity is taken" },
    },
    async handler(request) {
      const { body, principal, log } = request;
      // Nobody names users of another tenant's issuer: their tokens would come to this tenant.
      const issuers = [
        ...foreignIssuers.filter(({ tenantId }) => tenantId === principal.tenantId),
        { issuer: ownIssuer },
      ].map(({ issuer: name }) => name);
      const issuer = body.issuer ?? issuers[0]!;
      if (!issuers.includes(issuer)) throw invalid("issuer", "enum", "must be a configured issuer");
      const isOwn = issuer === ownIssuer;
      // A subject of somebody else's is any text, and counts exactly as it is written there.
      const subject = isOwn ? normaliseUuid(body.user_id) : body.user_id;
      if (subject === undefined) throw invalid("user_id", "format", "must be a UUID");
      const made = await users.create({
        issuer,
        subject,
        tenantId: principal.tenantId,
        by: byOf(request),
      });
      log.info({ target_user_id: made.id, by: principal.userId }, "user created");
      return json(
        201,
        { data: { message: "User created successfully", ...made } },
        { location: `/v1/users/${made.id}` },
      );
    },
  });

function invalid(member: string, code: string, message: string): AppError {
  return platformErrors.failure("validation_failed", {
    errors: [{ path: `/body/${member}`, code, message }],
  });
}

const listUsersRoute = ({ users }: UserRouteDeps) => {
  // Every answer counts what matches: those who ask for the same at once share one.
  const shared = createSharedWork<Uint8Array>();
  return defineRoute({
    method: "GET",
    path: "/v1/users",
    summary: "Lists the users of the caller's tenant",
    tag: "iam",
    access: needs("iam", "manage_users"),
    query: userListQuery,
    responses: { 200: { description: "One page", schema: userListAnswer } },
    async handler({ query, principal }) {
      const page = readPage(query);
      const context = query.role_context;
      const filter = {
        tenantId: principal.tenantId,
        issuer: query.issuer,
        subject: query.subject,
        roleContext: context === undefined ? undefined : readContext(context),
        roleName: query.role_name,
        discarded: query.discarded,
        sort: query.sort,
        ...page,
      };
      const body = await shared(JSON.stringify(filter), async () => {
        const found = await users.list(filter);
        const pagination = toPagination(page, found.total);
        return Buffer.from(JSON.stringify({ data: found.users.map(toView), pagination }));
      });
      return { status: 200, headers: JSON_TEXT, raw: body };
    },
  });
};

const findUserRoute = ({ users }: UserRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/users/{user_id}",
    summary: "One user with all roles",
    description: "The caller, or anybody of the tenant with `manage_users` or `manage_roles`.",
    tag: "iam",
    access: AUTHENTICATED,
    params: userParams,
    responses: { 200: { description: "The user", schema: userAnswer } },
    async handler({ params, principal }) {
      const userId = params.user_id;
      // Asked before the look-up: the answer tells nothing about who exists.
      if (!maySeeUser(principal, userId)) throw httpErrors.failure("permission_denied");
      const user = await users.find(userId, principal.tenantId);
      if (user === undefined) throw platformErrors.failure("not_found");
      return json(200, { data: toView(user) }, { etag: `"${user.version}"` });
    },
  });

const discardUserRoute = ({ users }: UserRouteDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/users/{user_id}",
    summary: "Discards a user; from the next request on nothing is answered to it",
    tag: "iam",
    access: needs("iam", "manage_users"),
    params: userParams,
    responses: {
      204: { description: "Discarded" },
      409: { description: "`last_administrator`, or `version_conflict` with `If-Match`" },
    },
    async handler(request) {
      const { params, principal, log } = request;
      const userId = params.user_id;
      const version = readVersion(request, undefined);
      await users.discard({ userId, tenantId: principal.tenantId, version, by: byOf(request) });
      log.info({ target_user_id: userId, by: principal.userId }, "user discarded");
      return noContent();
    },
  });

const assignRoleRoute = ({ users, clock }: UserRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/users/{user_id}/roles",
    summary: "Gives a role of the catalogue to a user; works on the user's next request",
    description: "Assigning a role twice changes nothing. `user_id` in the body is ignored.",
    tag: "iam",
    access: needs("iam", "manage_roles"),
    params: userParams,
    body: roleAssignBody,
    bodyExample: { role: { context: "recipes_catalog", name: "meal_manager" } },
    responses: {
      200: { description: "The user holds the role", schema: changeAnswer },
      409: { description: "`version_conflict`" },
      422: { description: "`role_unknown`, or a rule of the body is broken" },
    },
    async handler(request) {
      const { params, body, principal, log } = request;
      const userId = params.user_id;
      const context = readContext(body.role.context);
      assertPermissionsOf(context, body.role.permissions ?? [], "/body/role/permissions");
      const { name } = body.role;
      const version = readVersion(request, body.version);
      const { tenantId } = principal;
      const changed = await users.assignRole({
        userId,
        tenantId,
        context,
        name,
        version,
        expiresAt: readEnd(body.expires_at, clock.nowMs()),
        by: byOf(request),
      });
      log.info({ target_user_id: userId, context, role: name, by: principal.userId }, "role given");
      return json(200, { data: { message: "Role assigned successfully", ...changed } });
    },
  });

const removeRoleRoute = ({ users }: UserRouteDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/users/{user_id}/roles/{context}/{name}",
    summary: "Takes a role from a user; works on the user's next request",
    description: "The last `administrator` of context `iam` in a tenant keeps the role.",
    tag: "iam",
    access: needs("iam", "manage_roles"),
    params: heldRoleParams,
    responses: {
      200: { description: "The user no longer holds the role", schema: changeAnswer },
      404: { description: "No such user, or the user does not hold the role" },
      409: { description: "`last_administrator`, or `version_conflict` with `If-Match`" },
    },
    async handler(request) {
      const { params, principal, log } = request;
      const userId = params.user_id;
      const context = readContext(params.context);
      const { name } = params;
      const version = readVersion(request, undefined);
      const { tenantId } = principal;
      const changed = await users.removeRole({
        userId,
        tenantId,
        context,
        name,
        version,
        by: byOf(request),
      });
      log.info({ target_user_id: userId, context, role: name, by: principal.userId }, "role taken");
      return json(200, { data: { message: "Role removed successfully", ...changed } });
    },
  });

function toView(user: User) {
  return {
    id: user.id,
    issuer: user.issuer,
    subject: user.subject,
    roles: user.roles,
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
    version: user.version,
    discarded: user.discarded,
  };
}
