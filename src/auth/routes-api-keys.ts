import type { Static } from "typebox";
import { json, noContent } from "../http/reply.ts";
import type { AnyRequest } from "../http/request.ts";
import { defineRoute, STEP_UP, type Access, type Route } from "../http/route.ts";
import { platformErrors } from "../platform/errors.ts";
import { apiKeyLimits } from "../platform/limits.ts";
import type { Database } from "../platform/postgres.ts";
import { makeKeyPrefix } from "./api-keys/key-text.ts";
import type { MadeKey, Owner, OwnKeys } from "./api-keys/own-keys.ts";
import { findKey, listKeys, type ApiKey } from "./api-keys/store.ts";
import {
  apiKeyBody,
  apiKeyParams,
  apiKeysAnswer,
  apiKeyView,
  madeKeyAnswer,
  rotateBody,
} from "./api-keys/schemas.ts";
import type { WaitForCluster } from "./index.ts";
import { callerOf, NO_STORE, ownAccountId } from "./routes-replies.ts";
import { waitQuery } from "./routes-schemas.ts";

export interface ApiKeyRouteDeps {
  readonly database: Database;
  readonly ownKeys: OwnKeys;
  readonly waitForCluster: WaitForCluster;
}

/** A key makes no keys, and neither does another program. */
const USERS: Access = { kind: "authenticated", kinds: ["user"] };
/** Whoever has but a stolen token must not get a credential that outlives it. */
const PROVEN: Access = { ...USERS, stepUp: STEP_UP };

export function createApiKeyRoutes(deps: ApiKeyRouteDeps): Route[] {
  return [
    createRoute(deps),
    listRoute(deps),
    findRoute(deps),
    rotateRoute(deps),
    revokeRoute(deps),
  ];
}

const createRoute = ({ ownKeys }: ApiKeyRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/api-keys",
    aliases: [{ path: "/v2/auth/api-keys" }],
    summary: "Makes an API key that acts for the caller",
    description:
      "The text of the key is in this answer and nowhere else. It may do what both its permissions " +
      "and, at the time of a request, its owner's allow; `read` opens routes that only read, " +
      "`write` the others.",
    tag: "auth",
    access: PROVEN,
    body: apiKeyBody,
    bodyExample: { name: "nightly import", scopes: ["read", "write"] },
    responses: {
      201: { description: "The key and its text", schema: madeKeyAnswer },
      403: { description: "`permission_denied`: the caller lacks a permission named" },
      409: { description: "`conflict`: as many live keys as an account may have" },
    },
    async handler(request) {
      return made(201, await ownKeys.create(ownerOf(request), toWishes(request.body)));
    },
  });

const listRoute = ({ database }: ApiKeyRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/auth/api-keys",
    aliases: [{ path: "/v2/auth/api-keys" }],
    summary: "Lists the caller's own API keys, the newest first",
    description: "Keys that ended are listed for some time.",
    tag: "auth",
    access: USERS,
    responses: { 200: { description: "The keys", schema: apiKeysAnswer } },
    async handler({ principal }) {
      const keys = await listKeys(database, ownAccountId(principal));
      return json(200, { api_keys: keys.map(toKeyView) }, NO_STORE);
    },
  });

const findRoute = ({ database }: ApiKeyRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/auth/api-keys/{api_key_id}",
    aliases: [{ path: "/v2/auth/api-keys/{api_key_id}" }],
    summary: "One of the caller's own API keys",
    tag: "auth",
    access: USERS,
    params: apiKeyParams,
    responses: {
      200: { description: "The key", schema: apiKeyView },
      404: { description: "`not_found`: no key of the caller" },
    },
    async handler({ principal, params }) {
      const accountId = ownAccountId(principal);
      const key = await findKey(database, { id: params.api_key_id, accountId });
      if (key === undefined) throw platformErrors.failure("not_found");
      return json(200, toKeyView(key), NO_STORE);
    },
  });

const rotateRoute = ({ ownKeys }: ApiKeyRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/api-keys/{api_key_id}/rotate",
    aliases: [{ path: "/v2/auth/api-keys/{api_key_id}/rotate" }],
    summary: "Gives a key another secret",
    description:
      "The secret before counts for `overlap_seconds` more (default one day; 0: not at all).",
    tag: "auth",
    access: PROVEN,
    params: apiKeyParams,
    body: rotateBody,
    bodyOptional: true,
    bodyExample: { overlap_seconds: 3_600 },
    responses: {
      200: { description: "The key and its new text", schema: madeKeyAnswer },
      404: { description: "`not_found`: no live key of the caller" },
    },
    async handler(request) {
      const { overlap_seconds: overlap = apiKeyLimits.overlapDefaultSeconds } = request.body ?? {};
      const id = request.params.api_key_id;
      return made(200, await ownKeys.rotate(ownerOf(request), id, overlap));
    },
  });

const revokeRoute = ({ ownKeys, waitForCluster }: ApiKeyRouteDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/auth/api-keys/{api_key_id}",
    aliases: [{ path: "/v2/auth/api-keys/{api_key_id}" }],
    summary: "Revokes one of the caller's own API keys",
    tag: "auth",
    access: USERS,
    params: apiKeyParams,
    query: waitQuery,
    responses: {
      204: { description: "Revoked" },
      404: { description: "`not_found`: no live key of the caller" },
    },
    async handler(request) {
      const { params, query } = request;
      const receipt = await ownKeys.revoke(ownerOf(request), params.api_key_id);
      if (query.wait === "cluster") await waitForCluster(receipt.number);
      return noContent();
    },
  });

function ownerOf(request: AnyRequest): Owner {
  const { principal } = request;
  return { accountId: ownAccountId(principal), principal, caller: callerOf(request) };
}

function toWishes(body: Static<typeof apiKeyBody>) {
  const { rate_limit: rate, quota } = body;
  return {
    name: body.name,
    scopes: [...new Set(body.scopes ?? (["read"] as const))],
    permissions: body.permissions ?? {},
    rate: rate && { count: rate.requests, seconds: rate.seconds },
    quota: quota && { count: quota.requests, period: quota.period },
    lifeSeconds: body.expires_in_seconds ?? apiKeyLimits.lifeDefaultSeconds,
  };
}

function made(status: number, { key, text }: MadeKey) {
  return json(status, { api_key: toKeyView(key), key: text }, NO_STORE);
}

/** `api_key` of the answers. */
export function toKeyView(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    prefix: makeKeyPrefix(key.id),
    status: key.revokedAt === undefined ? (key.expired ? "expired" : "active") : "revoked",
    scopes: key.scopes,
    permissions: key.permissions,
    rate_limit: key.rate ? { requests: key.rate.count, seconds: key.rate.seconds } : null,
    quota: key.quota
      ? { requests: key.quota.count, period: key.quota.period, used: key.used }
      : null,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt.toISOString(),
    rotated_at: key.rotatedAt?.toISOString() ?? null,
    previous_secret_expires_at: key.previousExpiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    last_network: key.lastNetwork ?? null,
  };
}
