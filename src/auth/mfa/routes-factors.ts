import type { Principal } from "../../http/principal.ts";
import { json, noContent } from "../../http/reply.ts";
import type { AnyRequest } from "../../http/request.ts";
import { defineRoute, STEP_UP, type Access, type Route } from "../../http/route.ts";
import type { Database } from "../../platform/postgres.ts";
import { callerOf, NO_STORE, ownAccountId } from "../routes-replies.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import type { Factors, Holder } from "./factors.ts";
import {
  codeBody,
  factorAddedAnswer,
  recoveryCodesAnswer,
  recoveryCountAnswer,
  statusAnswer,
  totpAnswer,
} from "./routes-schemas.ts";
import { toPasskeyView } from "./routes-views.ts";
import { ownSession } from "./step-up.ts";
import { listPasskeys } from "./store-passkeys.ts";
import { countRecoveryCodes } from "./store-recovery.ts";
import { findTotp } from "./store-totp.ts";

export interface FactorRouteDeps {
  readonly database: Database;
  readonly factors: Factors;
  readonly policyOf: PolicyOf;
}

/** Only people have factors. */
export const USERS: Access = { kind: "authenticated", kinds: ["user"] };
export const FRESH_USERS: Access = { ...USERS, stepUp: STEP_UP };

/** The caller's own code generator and recovery codes. */
export function createFactorRoutes(deps: FactorRouteDeps): Route[] {
  return [
    statusRoute(deps),
    showTotpRoute(deps),
    confirmTotpRoute(deps),
    removeTotpRoute(deps),
    countCodesRoute(deps),
    makeCodesRoute(deps),
  ];
}

/** The caller, as whoever changes factors. */
export function holderOf(request: AnyRequest & { readonly principal: Principal }): Holder {
  const { principal } = request;
  return { ...ownSession(principal), tenantId: principal.tenantId, caller: callerOf(request) };
}

const statusRoute = ({ database, policyOf }: FactorRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/auth/mfa",
    summary: "The caller's second factors",
    tag: "auth",
    access: USERS,
    responses: { 200: { description: "What there is", schema: statusAnswer } },
    async handler({ principal }) {
      const accountId = ownAccountId(principal);
      const { mode } = (await policyOf(principal.tenantId)).mfa;
      // One after the other: a request waits in one place of the queue for a connection, not in three.
      const totp = await findTotp(database, accountId);
      const passkeys = await listPasskeys(database, accountId);
      const left = await countRecoveryCodes(database, accountId);
      const body = {
        mode,
        totp: totp === undefined ? null : { confirmed_at: totp.confirmedAt.toISOString() },
        passkeys: passkeys.map(toPasskeyView),
        recovery_codes_left: left,
      };
      return json(200, body, NO_STORE);
    },
  });

const showTotpRoute = ({ factors }: FactorRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/mfa/totp",
    summary: "Shows a new code generator; it counts after its first code",
    tag: "auth",
    access: FRESH_USERS,
    responses: {
      200: { description: "What an authenticator app takes in", schema: totpAnswer },
    },
    async handler(request) {
      const shown = await factors.showTotp(holderOf(request), request.signal);
      return json(200, { secret: shown.secret, uri: shown.uri, qr_svg: shown.qrSvg }, NO_STORE);
    },
  });

const confirmTotpRoute = ({ factors }: FactorRouteDeps) =>
  defineRoute({
    method: "PUT",
    path: "/auth/mfa/totp",
    summary: "Confirms the code generator that was shown, with its first code",
    description:
      "From now on each login asks for a code. The account's other sessions end, and no device is " +
      "trusted any more. The first factor comes with ten recovery codes.",
    tag: "auth",
    access: FRESH_USERS,
    body: codeBody,
    bodyExample: { code: "123456" },
    responses: {
      200: { description: "It counts", schema: factorAddedAnswer },
      401: { description: "`mfa_code_invalid`: a wrong code, or none was shown to this session" },
    },
    async handler(request) {
      const codes = await factors.confirmTotp(holderOf(request), request.body.code);
      return json(200, { message: "Added", ...codesOf(codes) }, NO_STORE);
    },
  });

const removeTotpRoute = ({ factors }: FactorRouteDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/auth/mfa/totp",
    summary: "Removes the caller's code generator",
    tag: "auth",
    access: FRESH_USERS,
    responses: {
      204: { description: "Removed" },
      404: { description: "`not_found`: there is none" },
      409: { description: "`conflict`: the last factor where one is required" },
    },
    async handler(request) {
      await factors.removeTotp(holderOf(request));
      return noContent();
    },
  });

const countCodesRoute = ({ database }: FactorRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/auth/mfa/recovery-codes",
    summary: "How many recovery codes are left",
    tag: "auth",
    access: USERS,
    responses: { 200: { description: "The count", schema: recoveryCountAnswer } },
    async handler({ principal }) {
      const left = await countRecoveryCodes(database, ownAccountId(principal));
      return json(200, { left }, NO_STORE);
    },
  });

const makeCodesRoute = ({ factors }: FactorRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/mfa/recovery-codes",
    summary: "Makes ten new recovery codes in place of the old ones",
    tag: "auth",
    access: FRESH_USERS,
    responses: {
      201: { description: "The codes, shown this once", schema: recoveryCodesAnswer },
      409: { description: "`conflict`: the account has no second factor" },
    },
    async handler(request) {
      const codes = await factors.makeRecoveryCodes(holderOf(request));
      return json(201, { recovery_codes: codes }, NO_STORE);
    },
  });

/** Members of an answer for the codes that came with a first factor. */
export function codesOf(codes: readonly string[] | undefined) {
  return codes === undefined ? {} : { recovery_codes: codes };
}
