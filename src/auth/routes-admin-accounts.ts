import { json, noContent } from "../http/reply.ts";
import { defineRoute, STEP_UP, type Access, type Route } from "../http/route.ts";
import { platformErrors } from "../platform/errors.ts";
import type { Clock } from "../platform/clock.ts";
import * as schemas from "./accounts/admin-schemas.ts";
import { byOf, findBelow, findOwn, type AdministrationOptions } from "./accounts/administration.ts";
import { impersonate, type ImpersonationOptions } from "./accounts/impersonation.ts";
import {
  assertInvited,
  invite,
  inviteAgain,
  type InvitationOptions,
} from "./accounts/invitation.ts";
import { changeByAdministrator, type AdminChangeOptions } from "./accounts/admin-change.ts";
import {
  demandPasswordChange,
  disable,
  enable,
  erase,
  type ErasureOptions,
} from "./accounts/standing.ts";
import { createAccountSearchRoute } from "./routes-admin-account-search.ts";
import { ADMINS } from "./routes-admin.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";

export interface AdminAccountDeps
  extends
    AdministrationOptions,
    InvitationOptions,
    ErasureOptions,
    ImpersonationOptions,
    AdminChangeOptions {
  readonly database: InvitationOptions["database"];
  readonly clock: Clock;
  readonly config: InvitationOptions["config"] & ImpersonationOptions["config"];
}

const TAG = "admin";
const PATH = "/v1/admin/accounts";
/** To act as somebody is for people: a key or a machine has no face to show. */
const PEOPLE: Access = Object.freeze({
  kind: "permission",
  context: "iam",
  permission: "manage_users",
  kinds: ["user"],
  stepUp: STEP_UP,
} as const);

/** Accounts of the caller's tenant. */
export function createAdminAccountRoutes(deps: AdminAccountDeps): Route[] {
  return [
    inviteRoute(deps),
    createAccountSearchRoute(deps),
    findRoute(deps),
    updateRoute(deps),
    eraseRoute(deps),
    inviteAgainRoute(deps),
    standingRoute(deps, "ban"),
    standingRoute(deps, "deactivate"),
    plainStandingRoute(deps, "reactivate"),
    plainStandingRoute(deps, "demand-password-change"),
    impersonateRoute(deps),
  ];
}

const inviteRoute = (deps: AdminAccountDeps) =>
  defineRoute({
    method: "POST",
    path: PATH,
    summary: "Makes an account and invites its owner by mail to choose a password",
    description: "An administrator neither sets nor sees a password.",
    tag: TAG,
    access: ADMINS,
    body: schemas.inviteBody,
    bodyExample: { email: "ana@example.com", name: "Ana Souza", language: "pt-BR" },
    responses: {
      201: { description: "Made, and the mail is on its way", schema: schemas.madeAnswer },
      409: { description: "`account_exists`: the address or the user name is taken" },
    },
    async handler(request) {
      const { principal, body } = request;
      const { tenantId } = principal;
      const wanted = { ...body, language: body.language ?? "en", tenantId } as const;
      const { id, version } = await invite(deps, wanted, byOf(principal, callerOf(request)));
      const data = { message: "Account created; its owner was invited", id, version };
      return json(201, { data }, { location: `${PATH}/${id}`, ...NO_STORE });
    },
  });

const findRoute = (deps: AdminAccountDeps) =>
  defineRoute({
    method: "GET",
    path: `${PATH}/{account_id}`,
    summary: "One account of the caller's tenant",
    tag: TAG,
    access: ADMINS,
    params: schemas.accountParams,
    responses: { 200: { description: "The account", schema: schemas.accountAnswer } },
    async handler({ params, principal }) {
      const found = await findOwn(deps, principal, params.account_id);
      const etag = `"${found.account.version}"`;
      return json(200, { data: schemas.toManagedView(found) }, { ...NO_STORE, etag });
    },
  });

const updateRoute = (deps: AdminAccountDeps) =>
  defineRoute({
    method: "PATCH",
    path: `${PATH}/{account_id}`,
    summary: "Changes the names or the address of an account",
    description: "Another address counts as unproven; the old one is told.",
    tag: TAG,
    access: ADMINS,
    params: schemas.accountParams,
    body: schemas.updateBody,
    bodyExample: { name: "Ana Maria Souza", version: 1 },
    responses: {
      200: { description: "The account as it is now", schema: schemas.accountAnswer },
      403: { description: "`permission_denied`: it may do what the caller may not" },
      409: { description: "`version_conflict`, or `account_exists`" },
    },
    async handler(request) {
      const { params, principal, body } = request;
      const target = await findBelow(deps, principal, params.account_id);
      const by = byOf(principal, callerOf(request));
      await changeByAdministrator(deps, target.account, body, by);
      const changed = await findOwn(deps, principal, params.account_id);
      return json(200, { data: schemas.toManagedView(changed) }, NO_STORE);
    },
  });

const eraseRoute = (deps: AdminAccountDeps) =>
  defineRoute({
    method: "DELETE",
    path: `${PATH}/{account_id}`,
    summary: "Erases an account and its personal data for good",
    tag: TAG,
    access: ADMINS,
    params: schemas.accountParams,
    responses: {
      204: { description: "Erased" },
      403: { description: "`permission_denied`: it may do what the caller may not" },
      409: { description: "`last_administrator`" },
    },
    async handler(request) {
      const { params, principal } = request;
      const { account } = await findBelow(deps, principal, params.account_id);
      await erase(deps, account, byOf(principal, callerOf(request)));
      return noContent();
    },
  });

const inviteAgainRoute = (deps: AdminAccountDeps) =>
  defineRoute({
    method: "POST",
    path: `${PATH}/{account_id}/invite`,
    summary: "Sends the invitation again; the links before are good for nothing",
    tag: TAG,
    access: ADMINS,
    params: schemas.accountParams,
    responses: {
      204: { description: "On its way" },
      409: { description: "`conflict`: the account has its password already" },
    },
    async handler(request) {
      const { params, principal } = request;
      const { account, status } = await findOwn(deps, principal, params.account_id);
      assertInvited(status);
      await inviteAgain(deps, account, byOf(principal, callerOf(request)));
      return noContent();
    },
  });

const standingRoute = (deps: AdminAccountDeps, verb: "ban" | "deactivate") =>
  defineRoute({
    method: "POST",
    path: `${PATH}/{account_id}/${verb}`,
    summary:
      verb === "ban"
        ? "Bans an account, for good or until a moment; its tokens are refused at once"
        : "Takes an account out of use; its tokens are refused at once",
    tag: TAG,
    access: ADMINS,
    params: schemas.accountParams,
    body: verb === "ban" ? schemas.banBody : schemas.reasonBody,
    bodyExample: { reason: "asked for by its owner" },
    responses: {
      204: { description: "Done" },
      403: { description: "`permission_denied`: it may do what the caller may not" },
    },
    async handler(request) {
      const { params, principal } = request;
      const body = request.body as { reason?: string; until?: string };
      const { account } = await findBelow(deps, principal, params.account_id);
      const disabling = {
        kind: verb === "ban" ? "banned" : "deactivated",
        reason: body.reason,
        until: readUntil(body.until, deps.clock),
      } as const;
      await disable(deps, account, disabling, byOf(principal, callerOf(request)));
      return noContent();
    },
  });

const STANDINGS = {
  reactivate: { change: enable, summary: "Takes an account up again" },
  "demand-password-change": {
    change: demandPasswordChange,
    summary: "Ends an account's sessions; its next login has to choose another password",
  },
} as const;

const plainStandingRoute = (deps: AdminAccountDeps, verb: keyof typeof STANDINGS) =>
  defineRoute({
    method: "POST",
    path: `${PATH}/{account_id}/${verb}`,
    summary: STANDINGS[verb].summary,
    tag: TAG,
    access: ADMINS,
    params: schemas.accountParams,
    responses: { 204: { description: "Done" } },
    async handler(request) {
      const { params, principal } = request;
      const { account } = await findBelow(deps, principal, params.account_id);
      await STANDINGS[verb].change(deps, account, byOf(principal, callerOf(request)));
      return noContent();
    },
  });

const impersonateRoute = (deps: AdminAccountDeps) =>
  defineRoute({
    method: "POST",
    path: `${PATH}/{account_id}/impersonate`,
    summary: "Gives a short-lived token to act as somebody of the tenant",
    description:
      "`act` in the token and in every answer about it names the administrator. There is no " +
      "refresh token, and nothing of the account's security can be changed with it.",
    tag: TAG,
    access: PEOPLE,
    params: schemas.accountParams,
    body: schemas.impersonateBody,
    bodyExample: { reason: "the menu of a customer does not open" },
    responses: {
      200: { description: "The token", schema: schemas.impersonationAnswer },
      403: { description: "`permission_denied`: it may do what the caller may not" },
      409: { description: "`conflict`: the account is not active" },
    },
    async handler(request) {
      const { params, principal, body } = request;
      const { account } = await findBelow(deps, principal, params.account_id);
      if (!account.active) {
        throw platformErrors.failure("conflict", { detail: "The account is not active" });
      }
      const caller = callerOf(request);
      const given = await impersonate(deps, principal, account, { reason: body.reason, caller });
      const data = {
        access_token: given.accessToken,
        token_type: "Bearer",
        expires_in: given.expiresIn,
        session_id: given.sessionId,
        act: { sub: principal.userId },
      };
      return json(200, { data }, NO_STORE);
    },
  });

/** Throws `validation_failed` for a moment that is over. */
function readUntil(text: string | undefined, clock: Clock): Date | undefined {
  if (text === undefined) return undefined;
  const until = new Date(text);
  if (until.getTime() > clock.nowMs()) return until;
  throw platformErrors.failure("validation_failed", {
    errors: [{ path: "/body/until", code: "past", message: "must be in the future" }],
  });
}
