import { hasPermission, type Principal } from "../http/principal.ts";
import { json, type Reply } from "../http/reply.ts";
import { defineRoute, type Access, type Route } from "../http/route.ts";
import { authErrors } from "./errors.ts";
import type { Authenticate } from "./index.ts";
import { NO_STORE } from "./routes-replies.ts";
import { verifyAnswer, verifyBody, whoamiAnswer } from "./routes-schemas.ts";
import { introspect } from "./session/introspect.ts";

export interface TokenRouteDeps {
  readonly authenticate: Authenticate;
}

const ANYBODY: Access = { kind: "authenticated", kinds: ["user", "machine", "api_key"] };

export function createTokenRoutes(deps: TokenRouteDeps): Route[] {
  return [verifyRoute(deps), whoamiRoute()];
}

const verifyRoute = ({ authenticate }: TokenRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/verify",
    aliases: [{ path: "/v2/auth/verify" }],
    summary: "Tells another service whose token it was shown, and what its holder may do",
    description:
      "For machine clients, API keys, and people with `access_support` in context `iam`. Always " +
      "200: a token that is not good is `active: false`.",
    tag: "auth",
    access: ANYBODY,
    keyScope: "read",
    body: verifyBody,
    bodyExample: { token: "eyJ…", required_permissions: ["products_catalog:manage_products"] },
    responses: { 200: { description: "What is known of the token", schema: verifyAnswer } },
    async handler({ principal, body }) {
      if (principal.kind === "user" && !hasPermission(principal, "iam", "access_support")) {
        throw authErrors.failure("permission_denied");
      }
      const { token, required_permissions: required = [] } = body;
      return json(200, await introspect(authenticate, token, required), NO_STORE);
    },
  });

// The same frozen principal comes with every request of a token: its answer is made once.
const answers = new WeakMap<Principal, Reply>();

const whoamiRoute = () =>
  defineRoute({
    method: "GET",
    path: "/auth/whoami",
    aliases: [{ path: "/v2/auth/whoami" }],
    summary: "Who the caller is, from memory alone",
    description: "For gateways and probes: no database is asked.",
    tag: "auth",
    access: ANYBODY,
    direct: true,
    responses: { 200: { description: "The caller", schema: whoamiAnswer } },
    handler({ principal }) {
      let answer = answers.get(principal);
      if (answer === undefined) {
        const headers = { "content-type": "application/json; charset=utf-8", ...NO_STORE };
        answer = Object.freeze({ status: 200, raw: JSON.stringify(toWhoami(principal)), headers });
        answers.set(principal, answer);
      }
      return answer;
    },
  });

function toWhoami(principal: Principal) {
  return {
    user_id: principal.userId,
    user_roles: principal.roles,
    is_authenticated: true,
    user_object: {
      id: principal.userId,
      account_id: principal.accountId ?? null,
      tenant_id: principal.tenantId,
      email: principal.email ?? null,
      username: principal.username ?? null,
      name: principal.name ?? null,
      email_verified: principal.emailVerified,
    },
    token_info: {
      issuer: principal.issuer,
      subject: principal.subject,
      session_id: principal.sessionId ?? null,
      kind: principal.kind,
      actor: principal.actor ?? null,
      amr: principal.amr,
      expires_at: new Date(principal.expiresAt * 1000).toISOString(),
    },
  };
}
