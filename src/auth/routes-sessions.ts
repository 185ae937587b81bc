import type { Static } from "typebox";
import type { Principal } from "../http/principal.ts";
import { json, noContent } from "../http/reply.ts";
import { defineRoute, type Access, type Route } from "../http/route.ts";
import { platformErrors } from "../platform/errors.ts";
import type { Database } from "../platform/postgres.ts";
import type { WaitForCluster } from "./index.ts";
import { callerOf, NO_STORE, ownAccountId, toSessionEntry } from "./routes-replies.ts";
import {
  logoutAnswer,
  logoutBody,
  sessionParams,
  sessionsAnswer,
  waitQuery,
} from "./routes-schemas.ts";
import type { EndedSessions, EndSessions } from "./session/end.ts";
import { listSessions } from "./session/store.ts";
import type { SessionChoice } from "./session/store-end.ts";

export interface SessionRouteDeps {
  readonly database: Database;
  readonly endSessions: EndSessions;
  readonly waitForCluster: WaitForCluster;
}

type LogoutBody = Partial<Static<typeof logoutBody>>;

/** Only people have sessions. */
const USERS: Access = { kind: "authenticated", kinds: ["user"] };

export function createSessionRoutes(deps: SessionRouteDeps): Route[] {
  return [logoutRoute(deps), listSessionsRoute(deps), endSessionRoute(deps)];
}

const logoutRoute = (deps: SessionRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/logout",
    aliases: [{ path: "/v2/auth/logout" }],
    summary: "Ends the present session, another one of the caller's, all others, or all of them",
    description: "Tokens of an ended session are refused from the next request on.",
    tag: "auth",
    access: USERS,
    query: waitQuery,
    body: logoutBody,
    bodyOptional: true,
    bodyExample: { all_devices: true },
    responses: {
      200: { description: "How many sessions ended", schema: logoutAnswer },
      404: { description: "`not_found`: `session_id` is no live session of the caller" },
    },
    async handler(request) {
      const { principal, query, body = {} } = request;
      const choice = choiceOf(principal, body);
      const ended = await deps.endSessions({
        choice,
        tenantId: principal.tenantId,
        actor: ownAccountId(principal),
        action: "logout",
        reason: "logout",
        caller: callerOf(request),
      });
      const isNamed = choice.sessionId !== undefined && body.session_id !== undefined;
      if (ended.count === 0 && isNamed) throw platformErrors.failure("not_found");
      await waitIfAsked(deps, query.wait, ended);
      return json(200, { message: "Logged out", sessions_ended: ended.count }, NO_STORE);
    },
  });

const listSessionsRoute = ({ database }: SessionRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/auth/sessions",
    aliases: [{ path: "/v2/auth/sessions" }],
    summary: "Lists the caller's own live sessions, the last used first",
    tag: "auth",
    access: USERS,
    responses: { 200: { description: "The sessions", schema: sessionsAnswer } },
    async handler({ principal }) {
      const sessions = await listSessions(database, ownAccountId(principal));
      return json(
        200,
        {
          sessions: sessions.map((session) => toSessionEntry(session, principal.sessionId)),
        },
        NO_STORE,
      );
    },
  });

const endSessionRoute = (deps: SessionRouteDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/auth/sessions/{session_id}",
    aliases: [{ path: "/v2/auth/sessions/{session_id}" }],
    summary: "Ends one of the caller's own sessions",
    tag: "auth",
    access: USERS,
    params: sessionParams,
    query: waitQuery,
    responses: {
      204: { description: "Ended" },
      404: { description: "`not_found`: no live session of the caller" },
    },
    async handler(request) {
      const { principal, params, query } = request;
      const accountId = ownAccountId(principal);
      const ended = await deps.endSessions({
        choice: { accountId, sessionId: params.session_id },
        tenantId: principal.tenantId,
        actor: accountId,
        action: "session.end",
        reason: "session.end",
        caller: callerOf(request),
      });
      // Somebody else's session and no session are one answer.
      if (ended.count === 0) throw platformErrors.failure("not_found");
      await waitIfAsked(deps, query.wait, ended);
      return noContent();
    },
  });

/** All wins over others, others over a single one. */
function choiceOf(principal: Principal, body: LogoutBody): SessionChoice {
  const accountId = ownAccountId(principal);
  const { sessionId } = principal;
  if (body.all_devices === true) return { accountId };
  if (body.other_devices === true) return { accountId, except: sessionId };
  return { accountId, sessionId: body.session_id ?? sessionId };
}

export async function waitIfAsked(
  { waitForCluster }: Pick<SessionRouteDeps, "waitForCluster">,
  wait: "cluster" | undefined,
  { receipt }: Pick<EndedSessions, "receipt">,
): Promise<void> {
  if (wait === "cluster" && receipt !== undefined) await waitForCluster(receipt.number);
}
