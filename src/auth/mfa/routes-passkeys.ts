import { json, noContent } from "../../http/reply.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { Type } from "../../http/schema.ts";
import { platformErrors } from "../../platform/errors.ts";
import { NO_STORE, ownAccountId } from "../routes-replies.ts";
import { codesOf, FRESH_USERS, holderOf, USERS, type FactorRouteDeps } from "./routes-factors.ts";
import {
  passkeyAnswerSchema,
  passkeyBody,
  passkeyNameBody,
  passkeyParams,
  passkeysAnswer,
  recoveryCodes,
  webauthnOptions,
} from "./routes-schemas.ts";
import { toPasskeyView } from "./routes-views.ts";
import { listPasskeys, renamePasskey } from "./store-passkeys.ts";
import type { RegistrationResponseJSON } from "./webauthn.ts";

/** The caller's own passkeys. */
export function createPasskeyRoutes(deps: FactorRouteDeps): Route[] {
  return [
    listRoute(deps),
    optionsRoute(deps),
    addRoute(deps),
    renameRoute(deps),
    removeRoute(deps),
  ];
}

const listRoute = ({ database }: FactorRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/auth/mfa/passkeys",
    summary: "The caller's passkeys",
    tag: "auth",
    access: USERS,
    responses: { 200: { description: "The passkeys", schema: passkeysAnswer } },
    async handler({ principal }) {
      const passkeys = await listPasskeys(database, ownAccountId(principal));
      return json(200, { passkeys: passkeys.map(toPasskeyView) }, NO_STORE);
    },
  });

const optionsRoute = ({ factors }: FactorRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/mfa/passkeys/options",
    summary: "What a new passkey is to be made of",
    tag: "auth",
    access: FRESH_USERS,
    responses: {
      200: { description: "Options of `navigator.credentials.create`", schema: webauthnOptions },
      409: { description: "`conflict`: the account has as many as it may have" },
    },
    async handler(request) {
      return json(200, await factors.passkeyOptions(holderOf(request)), NO_STORE);
    },
  });

const addRoute = ({ factors }: FactorRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/mfa/passkeys",
    summary: "Adds a passkey",
    description: "The account's other sessions end, and no device is trusted any more.",
    tag: "auth",
    access: FRESH_USERS,
    body: passkeyBody,
    bodyExample: {
      name: "Phone",
      attestation: {
        id: "qrs",
        rawId: "qrs",
        type: "public-key",
        response: { clientDataJSON: "e30", attestationObject: "AA" },
        clientExtensionResults: {},
      },
    },
    responses: {
      201: {
        description: "The passkey; with the account's first factor also recovery codes",
        schema: Type.Object(
          { ...passkeyAnswerSchema.properties, recovery_codes: Type.Optional(recoveryCodes) },
          { additionalProperties: false },
        ),
      },
      401: { description: "`mfa_code_invalid`: not made for us, or not for what was asked" },
      409: { description: "`conflict`: the passkey is known already" },
    },
    async handler(request) {
      const { name, attestation } = request.body;
      const { passkey, codes } = await factors.addPasskey(
        holderOf(request),
        name,
        attestation as unknown as RegistrationResponseJSON,
      );
      return json(201, { ...toPasskeyView(passkey), ...codesOf(codes) }, NO_STORE);
    },
  });

const renameRoute = ({ database }: FactorRouteDeps) =>
  defineRoute({
    method: "PATCH",
    path: "/auth/mfa/passkeys/{passkey_id}",
    summary: "Names a passkey",
    tag: "auth",
    access: USERS,
    params: passkeyParams,
    body: passkeyNameBody,
    bodyExample: { name: "Key ring" },
    responses: { 200: { description: "The passkey", schema: passkeyAnswerSchema } },
    async handler({ principal, params, body }) {
      const accountId = ownAccountId(principal);
      const passkey = await renamePasskey(database, accountId, params.passkey_id, body.name);
      if (passkey === undefined) throw platformErrors.failure("not_found");
      return json(200, toPasskeyView(passkey), NO_STORE);
    },
  });

const removeRoute = ({ factors }: FactorRouteDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/auth/mfa/passkeys/{passkey_id}",
    summary: "Removes a passkey",
    tag: "auth",
    access: FRESH_USERS,
    params: passkeyParams,
    responses: {
      204: { description: "Removed" },
      409: { description: "`conflict`: the last factor where one is required" },
    },
    async handler(request) {
      await factors.removePasskey(holderOf(request), request.params.passkey_id);
      return noContent();
    },
  });
