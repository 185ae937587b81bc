import type { Principal } from "../../http/principal.ts";
import { json } from "../../http/reply.ts";
import type { AnyRequest } from "../../http/request.ts";
import { defineRoute, type Access, type Route } from "../../http/route.ts";
import { closed, instant, optionalText, Type } from "../../http/schema.ts";
import { enveloped } from "../../http/schema-parts.ts";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import type { Transaction } from "../../platform/postgres.ts";
import type { KeyChange, Keys, KeyState } from "./keys.ts";
import { TAG } from "./schemas.ts";

const PATH = "/v1/client-onboarding/typeform-key";
const NO_STORE = { "cache-control": "no-store" };

/** Writes a change of a tenant's key into the audit log, in the transaction of the change. */
export type RecordKeyChange = (
  tx: Transaction,
  request: AnyRequest,
  action: "set" | "clear",
) => Promise<void>;

export interface TypeformKeyRouteOptions {
  readonly keys: Keys;
  readonly record: RecordKeyChange;
}

// People alone: a program that holds a key of ours has no business with this one.
const CONFIGURERS: Access = Object.freeze({
  kind: "permission",
  context: "client_onboarding",
  permission: "configure_typeform_webhooks",
  kinds: ["user"],
} as const);

const keyBody = closed({
  api_key: Type.String({
    minLength: limits.apiKeyMinBytes,
    maxLength: limits.apiKeyMaxBytes,
    pattern: "^[\\x21-\\x7e]+$",
    description: "A personal access token of TypeForm that may read forms and write webhooks",
  }),
});
const keyAnswer = enveloped(
  Type.Object({
    is_set: Type.Boolean({ description: "Whether the tenant has a key of its own" }),
    set_at: Type.Union([instant, Type.Null()]),
    set_by: optionalText,
    in_use: Type.Enum(["tenant", "server", "none"]),
  }),
);

/** The key with which TypeForm is asked for the caller's tenant. It is taken, and told to nobody. */
export function createTypeformKeyRoutes(options: TypeformKeyRouteOptions): Route[] {
  return [findRoute(options), setRoute(options), clearRoute(options)];
}

const findRoute = ({ keys }: TypeformKeyRouteOptions) =>
  defineRoute({
    method: "GET",
    path: PATH,
    summary: "Whether the tenant has a key of its own for TypeForm; never the key",
    tag: TAG,
    access: CONFIGURERS,
    responses: { 200: { description: "That it is set, when and by whom", schema: keyAnswer } },
    handler: async ({ principal }) => answerOf(await keys.find(principal.tenantId)),
  });

const setRoute = ({ keys, record }: TypeformKeyRouteOptions) =>
  defineRoute({
    method: "PUT",
    path: PATH,
    summary: "Give the tenant a key of its own for TypeForm, in place of any other",
    description:
      "The key is sealed and never shown again. TypeForm is told of the tenant's forms again with it, and each delivers under a secret of its own.",
    tag: TAG,
    access: CONFIGURERS,
    body: keyBody,
    bodyExample: { api_key: "tfp_a-token-of-your-own-account" },
    responses: { 200: { description: "The key is kept", schema: keyAnswer } },
    async handler(request) {
      await keys.set(request.body.api_key, changeOf(request, record));
      return answerOf(await keys.find(request.principal.tenantId));
    },
  });

const clearRoute = ({ keys, record }: TypeformKeyRouteOptions) =>
  defineRoute({
    method: "DELETE",
    path: PATH,
    summary: "Forget the tenant's key: the server's is used again",
    tag: TAG,
    access: CONFIGURERS,
    responses: { 200: { description: "It is gone, or was not there", schema: keyAnswer } },
    async handler(request) {
      await keys.clear(changeOf(request, record));
      return answerOf(await keys.find(request.principal.tenantId));
    },
  });

function changeOf(
  request: AnyRequest & { readonly principal: Principal },
  record: RecordKeyChange,
): KeyChange {
  const { tenantId, userId } = request.principal;
  return { tenantId, by: userId, record: (tx, action) => record(tx, request, action) };
}

function answerOf({ own, inUse }: KeyState) {
  const data = {
    is_set: own !== undefined,
    set_at: own?.setAt ?? null,
    set_by: own?.setBy ?? null,
    in_use: inUse,
  };
  return json(200, { data }, NO_STORE);
}
