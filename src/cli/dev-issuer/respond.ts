import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Action } from "./action.ts";
import { groupActions } from "./actions-groups.ts";
import { sessionActions } from "./actions-sessions.ts";
import { signInActions } from "./actions-sign-in.ts";
import { userActions } from "./actions-users.ts";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { runControl, type Control } from "./control.ts";
import type { Directory } from "./directory.ts";
import type { Faults } from "./faults.ts";
import { readInput } from "./input.ts";
import { json, play, readBody, send, type Reply } from "./reply.ts";
import { isSameSecret } from "./secrets.ts";
import { OAuthError, ServiceError } from "./service-error.ts";
import { grantToken, revokeByForm } from "./token-endpoint.ts";

export interface Service {
  readonly url: string;
  readonly directory: Directory;
  readonly control: Control;
  readonly controlToken: string;
  readonly faults: Faults;
  /** Counted here: requests for each action and path. */
  readonly requests: Map<string, number>;
}

const SERVICE = "AWSCognitoIdentityProviderService.";

const ACTIONS: ReadonlyMap<string, Action> = new Map(
  [signInActions, userActions, groupActions, sessionActions].flatMap(Object.entries<Action>),
);

/** Answers one request. Never throws. */
export async function respond(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "/").split("?")[0]!;
  const target = headerOf(request, "x-amz-target");
  const action = path === "/" && target?.startsWith(SERVICE) ? target.slice(SERVICE.length) : path;
  try {
    if (!isOurHost(service, request.headers.host)) {
      send(response, json(421, { error: "wrong host" }));
      return;
    }
    if (path.startsWith("/control/")) {
      send(response, await answerControl(service, path, request));
      return;
    }
    const { requests } = service;
    if (requests.has(action) || requests.size < limits.targetsMaxCount) {
      requests.set(action, (requests.get(action) ?? 0) + 1);
    }
    const fault = service.faults.take([action, path]);
    if (fault !== undefined && (await play(fault, response))) return;
    send(response, await answer(service, { path, action, target }, request));
  } catch (error) {
    send(response, refusal(error, path));
  }
}

async function answer(
  { url, directory }: Service,
  { path, action, target }: { path: string; action: string; target: string | undefined },
  request: IncomingMessage,
): Promise<Reply> {
  const { method } = request;
  if (path === "/" && method === "POST") {
    const found = target?.startsWith(SERVICE) ? ACTIONS.get(action) : undefined;
    const isAmazonJson = headerOf(request, "content-type")?.startsWith("application/x-amz-json-1.");
    if (found === undefined || !isAmazonJson)
      throw new ServiceError("UnknownOperationException", "");
    const body = await found(readInput(await readBody(request)), directory);
    return { status: 200, body, headers: amazonHeaders() };
  }
  if (method === "POST" && (path === "/oauth2/token" || path === "/oauth2/revoke")) {
    const form = new URLSearchParams(await readBody(request));
    const authorization = headerOf(request, "authorization");
    const given = { form, authorization };
    return path === "/oauth2/token"
      ? json(200, await grantToken(given, directory))
      : json(200, revokeByForm(given, directory));
  }
  if (method === "GET" && path === "/health") return json(200, { status: "ok" });
  const [, poolId, document] = /^\/([\w-]+)\/\.well-known\/([a-z-]+(?:\.json)?)$/.exec(path) ?? [];
  const pool = directory.pools.find(({ id }) => id === poolId);
  if (method === "GET" && pool !== undefined) {
    if (document === "jwks.json") return json(200, pool.keys.keySet());
    if (document === "openid-configuration") return json(200, discovery(url, pool.issuer));
  }
  return json(404, { error: "not found" });
}

/** OpenID Connect Discovery 1.0 §3, of what there is here: nobody signs in with a browser. */
function discovery(url: string, issuer: string): object {
  return {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    token_endpoint: `${url}/oauth2/token`,
    revocation_endpoint: `${url}/oauth2/revoke`,
    grant_types_supported: ["client_credentials", "refresh_token"],
    response_types_supported: ["token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    scopes_supported: ["openid", "email", "phone", "profile"],
  };
}

async function answerControl(
  { control, controlToken }: Service,
  path: string,
  request: IncomingMessage,
): Promise<Reply> {
  const given = /^bearer (.+)$/i.exec(headerOf(request, "authorization") ?? "")?.[1];
  if (given === undefined || !isSameSecret(given, controlToken)) {
    return json(401, { error: "the control token is missing or wrong" });
  }
  const input = readInput(await readBody(request));
  const body = await runControl(`${request.method} ${path}`, input, control);
  return body === undefined ? json(404, { error: "not found" }) : json(200, body);
}

/** A page whose name was pointed at this machine calls us by that name (DNS rebinding). */
function isOurHost({ url }: Service, host: string | undefined): boolean {
  const { port } = new URL(url);
  return host === `127.0.0.1:${port}` || host === `localhost:${port}`;
}

function refusal(error: unknown, path: string): Reply {
  if (error instanceof OAuthError) return json(400, { error: error.code });
  const { type, message, status } =
    error instanceof ServiceError
      ? error
      : new ServiceError("InternalErrorException", "Something went wrong", 500);
  if (path !== "/") return json(status, { error: type, error_description: message });
  const headers = { ...amazonHeaders(), "x-amzn-errortype": type };
  return { status, body: { __type: type, message }, headers };
}

const amazonHeaders = () => ({
  "content-type": "application/x-amz-json-1.1",
  "x-amzn-requestid": randomUUID(),
});

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
