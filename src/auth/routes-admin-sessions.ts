import { pageQuery, pagination, readPage, toPagination } from "../http/paging.ts";
import { json, noContent } from "../http/reply.ts";
import { defineRoute, type Route } from "../http/route.ts";
import type { AnyRequest } from "../http/request.ts";
import { closed, Type, uuid } from "../http/schema.ts";
import { platformErrors } from "../platform/errors.ts";
import { validationLimits as limits } from "../platform/limits.ts";
import type { Database } from "../platform/postgres.ts";
import type { WaitForCluster } from "./index.ts";
import type { CountryOf } from "./network/country.ts";
import { actorOf, ADMINS } from "./routes-admin.ts";
import { callerOf, NO_STORE, toSessionEntry } from "./routes-replies.ts";
import { sessionEntryProperties, waitQuery } from "./routes-schemas.ts";
import { waitIfAsked } from "./routes-sessions.ts";
import { SESSION_FLAGS } from "./session/changes.ts";
import type { EndSessions } from "./session/end.ts";
import { pageSessions, type Session } from "./session/store.ts";
import type { SessionChoice } from "./session/store-end.ts";
import { validateSession } from "./session/validate.ts";

export interface AdminSessionDeps {
  readonly database: Database;
  readonly endSessions: EndSessions;
  readonly waitForCluster: WaitForCluster;
  readonly countryOf: CountryOf;
}

const TAG = "admin";
const params = closed({ session_id: uuid });
const accountParams = closed({ account_id: uuid });
const flags = Type.Array(Type.Enum([...SESSION_FLAGS]));
const listAnswer = closed({
  data: Type.Array(closed({ ...sessionEntryProperties, account_id: uuid })),
  pagination,
});

/** Sessions of the caller's tenant, for whoever administers it. */
export function createAdminSessionRoutes(deps: AdminSessionDeps): Route[] {
  return [
    listRoute(deps),
    listOfAccountRoute(deps),
    endRoute(deps),
    endOfAccountRoute(deps),
    validateRoute(deps),
  ];
}

const listRoute = ({ database }: AdminSessionDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/sessions",
    summary: "Lists the live sessions of the caller's tenant, the latest first",
    tag: TAG,
    access: ADMINS,
    query: closed({ ...pageQuery, account_id: Type.Optional(uuid) }),
    responses: { 200: { description: "One page", schema: listAnswer } },
    handler: ({ query, principal }) => page(database, principal, query, query.account_id),
  });

const listOfAccountRoute = ({ database }: AdminSessionDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/accounts/{account_id}/sessions",
    summary: "Lists the live sessions of one account of the caller's tenant",
    tag: TAG,
    access: ADMINS,
    params: accountParams,
    query: closed(pageQuery),
    responses: { 200: { description: "One page", schema: listAnswer } },
    handler: ({ query, principal, params: { account_id } }) =>
      page(database, principal, query, account_id),
  });

const endRoute = (deps: AdminSessionDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/admin/sessions/{session_id}",
    summary: "Ends a session of the caller's tenant",
    description: "Its tokens are refused from the next request on.",
    tag: TAG,
    access: ADMINS,
    params,
    query: waitQuery,
    responses: {
      204: { description: "Ended" },
      404: { description: "`not_found`: no live session of the tenant" },
    },
    async handler(request) {
      const { session_id: sessionId } = request.params;
      const { tenantId } = request.principal;
      const ended = await end(deps, request, { tenantId, sessionId });
      if (ended === 0) throw platformErrors.failure("not_found");
      return noContent();
    },
  });

const endOfAccountRoute = (deps: AdminSessionDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/admin/accounts/{account_id}/sessions",
    summary: "Ends every session of one account of the caller's tenant",
    tag: TAG,
    access: ADMINS,
    params: accountParams,
    query: waitQuery,
    responses: {
      200: {
        description: "How many ended; 0 also for an account that is not there",
        schema: closed({ data: closed({ sessions_ended: Type.Integer() }) }),
      },
    },
    async handler(request) {
      const { account_id: accountId } = request.params;
      const { tenantId } = request.principal;
      const ended = await end(deps, request, { accountId, tenantId });
      return json(200, { data: { sessions_ended: ended } }, NO_STORE);
    },
  });

const validateRoute = (deps: AdminSessionDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/sessions/{session_id}/validate",
    summary: "Tells whether a session is alive, and what is unusual about a use of it",
    description: "For services that saw a session used. Nothing is changed by asking.",
    tag: TAG,
    access: ADMINS,
    params,
    body: closed({
      address: Type.String({ minLength: 1, maxLength: limits.addressMaxCharacters }),
      user_agent: Type.Optional(Type.String({ maxLength: limits.userAgentMaxCharacters })),
    }),
    bodyExample: { address: "198.51.100.7", user_agent: "curl/8.5.0" },
    responses: {
      200: {
        description: "What is known",
        schema: closed({
          data: Type.Union([
            closed({ active: Type.Literal(false) }),
            closed({ active: Type.Literal(true), changes: flags, flags, trust: Type.Integer() }),
          ]),
        }),
      },
      404: { description: "`not_found`: no session of the tenant" },
    },
    async handler({ params: { session_id: sessionId }, principal: { tenantId }, body }) {
      const { address, user_agent: userAgent = "" } = body;
      const use = { sessionId, tenantId, address, userAgent };
      return json(200, { data: await validateSession(deps, use) }, NO_STORE);
    },
  });

async function page(
  database: Database,
  principal: { readonly tenantId: string; readonly sessionId: string | undefined },
  query: { skip?: number; limit?: number },
  accountId: string | undefined,
) {
  const asked = readPage(query);
  const found = await pageSessions(database, { tenantId: principal.tenantId, accountId, ...asked });
  const toEntry = (session: Session) => ({
    ...toSessionEntry(session, principal.sessionId),
    account_id: session.accountId,
  });
  const answer = {
    data: found.sessions.map(toEntry),
    pagination: toPagination(asked, found.total),
  };
  return json(200, answer, NO_STORE);
}

async function end(
  deps: AdminSessionDeps,
  request: AnyRequest,
  choice: SessionChoice,
): Promise<number> {
  const { principal, query } = request;
  const ended = await deps.endSessions({
    choice,
    tenantId: principal.tenantId,
    actor: actorOf(principal),
    action: "session.end",
    reason: "admin",
    caller: callerOf(request),
  });
  await waitIfAsked(deps, (query as { wait?: "cluster" }).wait, ended);
  return ended.count;
}
