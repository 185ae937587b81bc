import { pageQuery, pagination, readPage, toPagination } from "../http/paging.ts";
import { json, noContent } from "../http/reply.ts";
import { defineRoute, type Route } from "../http/route.ts";
import type { AnyRequest } from "../http/request.ts";
import { closed, instant, Type, uuid } from "../http/schema.ts";
import { clientLimits as limits } from "../platform/limits.ts";
import type { Database } from "../platform/postgres.ts";
import type { WaitForCluster } from "./index.ts";
import type { ClientActor, Clients, ClientWithSecret } from "./oauth/clients.ts";
import { SCOPE_PATTERN } from "./oauth/scope.ts";
import { pageClients, type Client } from "./oauth/store.ts";
import { actorOf, ADMINS } from "./routes-admin.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";
import { waitQuery } from "./routes-schemas.ts";
import { waitIfAsked } from "./routes-sessions.ts";

export interface AdminClientDeps {
  readonly database: Database;
  readonly clients: Clients;
  readonly waitForCluster: WaitForCluster;
}

const TAG = "admin";
const params = closed({ client_id: uuid });
const scopes = Type.Array(Type.String({ pattern: SCOPE_PATTERN }), {
  maxItems: limits.scopesMaxCount,
  uniqueItems: true,
  description: "`context:permission`: the most that a token of the client may be used for.",
});
const audiences = Type.Array(
  Type.String({ minLength: 1, maxLength: limits.audienceMaxCharacters }),
  { maxItems: limits.audiencesMaxCount, uniqueItems: true },
);
const clientProperties = {
  client_id: uuid,
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  audiences: Type.Array(Type.String()),
  active: Type.Boolean(),
  refresh_tokens: Type.Boolean(),
  created_at: instant,
  secret_made_at: instant,
  previous_secret_until: Type.Union([instant, Type.Null()]),
};
const clientAnswer = closed({ data: closed(clientProperties) });
const secretAnswer = closed({
  data: closed({
    ...clientProperties,
    client_secret: Type.String({ description: "Shown this once; only its digest is kept." }),
  }),
});

/** Machine clients of the caller's tenant. What one may do is given to its user `client_id`. */
export function createAdminClientRoutes(deps: AdminClientDeps): Route[] {
  return [
    createRoute(deps),
    listRoute(deps),
    rotateRoute(deps),
    activeRoute(deps, true),
    activeRoute(deps, false),
    removeRoute(deps),
  ];
}

const createRoute = ({ clients }: AdminClientDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/clients",
    summary: "Registers a machine client and shows its secret once",
    description: "Its roles are those of the user `client_id`: `POST /v1/users/{user_id}/roles`.",
    tag: TAG,
    access: ADMINS,
    body: closed({
      name: Type.String({ minLength: 1, maxLength: limits.nameMaxCharacters }),
      scopes,
      audiences: Type.Optional(audiences),
      refresh_tokens: Type.Optional(
        Type.Boolean({ description: "Also get refresh tokens; usually the secret suffices." }),
      ),
    }),
    bodyExample: { name: "menu printer", scopes: ["recipes_catalog:access_basic_features"] },
    responses: {
      201: { description: "The client", schema: secretAnswer },
      409: { description: "`conflict`: the tenant has as many as it may" },
    },
    async handler(request) {
      const { name, scopes: allowed, audiences: meant = [] } = request.body;
      const refreshTokens = request.body.refresh_tokens === true;
      const by = actorIn(request);
      const made = await clients.create(
        { name, scopes: allowed, audiences: meant, refreshTokens },
        by,
      );
      return json(201, { data: toViewWithSecret(made) }, NO_STORE);
    },
  });

const listRoute = ({ database }: AdminClientDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/clients",
    summary: "Lists the machine clients of the caller's tenant, the oldest first",
    tag: TAG,
    access: ADMINS,
    query: closed(pageQuery),
    responses: {
      200: {
        description: "One page",
        schema: closed({ data: Type.Array(closed(clientProperties)), pagination }),
      },
    },
    async handler({ query, principal: { tenantId } }) {
      const page = readPage(query);
      const { clients, total } = await pageClients(database, { tenantId, ...page });
      const answer = { data: clients.map(toView), pagination: toPagination(page, total) };
      return json(200, answer, NO_STORE);
    },
  });

const rotateRoute = ({ clients }: AdminClientDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/clients/{client_id}/rotate",
    summary: "Gives a machine client another secret",
    description: "The former one stays good for `overlap_seconds`; 0 ends it and every token.",
    tag: TAG,
    access: ADMINS,
    params,
    body: closed({
      overlap_seconds: Type.Optional(
        Type.Integer({ minimum: 0, maximum: limits.overlapMaxSeconds }),
      ),
    }),
    bodyOptional: true,
    bodyExample: { overlap_seconds: 3_600 },
    responses: { 200: { description: "The client", schema: secretAnswer }, 404: NOT_FOUND },
    async handler(request) {
      const { overlap_seconds: overlap = limits.overlapSeconds } = request.body ?? {};
      const id = request.params.client_id;
      const made = await clients.rotateSecret(id, overlap, actorIn(request));
      return json(200, { data: toViewWithSecret(made) }, NO_STORE);
    },
  });

const activeRoute = (deps: AdminClientDeps, active: boolean) =>
  defineRoute({
    method: "POST",
    path: `/v1/admin/clients/{client_id}/${active ? "enable" : "disable"}`,
    summary: active ? "Lets a machine client in again" : "Shuts a machine client out",
    description: "Tokens it has are refused from the next request on, and stay so.",
    tag: TAG,
    access: ADMINS,
    params,
    query: waitQuery,
    responses: { 200: { description: "The client", schema: clientAnswer }, 404: NOT_FOUND },
    async handler(request) {
      const { client_id: id } = request.params;
      const { client, receipt } = await deps.clients.setActive(id, active, actorIn(request));
      await waitIfAsked(deps, request.query.wait, { receipt });
      return json(200, { data: toView(client) }, NO_STORE);
    },
  });

const removeRoute = (deps: AdminClientDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/admin/clients/{client_id}",
    summary: "Removes a machine client; its tokens are refused from the next request on",
    tag: TAG,
    access: ADMINS,
    params,
    query: waitQuery,
    responses: { 204: { description: "Removed" }, 404: NOT_FOUND },
    async handler(request) {
      const receipt = await deps.clients.remove(request.params.client_id, actorIn(request));
      await waitIfAsked(deps, request.query.wait, { receipt });
      return noContent();
    },
  });

const NOT_FOUND = { description: "`not_found`: no client of the tenant" };

function actorIn(request: AnyRequest): ClientActor {
  const { principal } = request;
  return {
    tenantId: principal.tenantId,
    actor: actorOf(principal),
    caller: callerOf(request),
  };
}

function toView(client: Client) {
  return {
    client_id: client.id,
    name: client.name,
    scopes: client.scopes,
    audiences: client.audiences,
    active: client.active,
    refresh_tokens: client.refreshTokens,
    created_at: client.createdAt.toISOString(),
    secret_made_at: client.secretMadeAt.toISOString(),
    previous_secret_until: client.previousUntil?.toISOString() ?? null,
  };
}

const toViewWithSecret = ({ client, secret }: ClientWithSecret) => ({
  ...toView(client),
  client_secret: secret,
});
