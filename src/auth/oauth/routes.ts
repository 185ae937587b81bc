import type { TSchema } from "typebox";
import { json, type Reply } from "../../http/reply.ts";
import { defineRoute, PUBLIC, type Route } from "../../http/route.ts";
import type { AnyRequest } from "../../http/request.ts";
import { optionalText, Type } from "../../http/schema.ts";
import type { FormBody } from "../../http/form.ts";
import { clientLimits as limits } from "../../platform/limits.ts";
import { callerOf } from "../routes-replies.ts";
import type { AuthenticateClient } from "./client-auth.ts";
import { introspectToken, type IntrospectionOptions } from "./introspection.ts";
import {
  isOAuthError,
  OAUTH_ERROR_CODES,
  OAUTH_HEADERS,
  oauthError,
  toReply,
  type OAuthError,
} from "./oauth-error.ts";
import { readParameters, type Parameters } from "./parameters.ts";
import { revokeShownToken, type RevocationOptions } from "./revocation.ts";
import type { Client } from "./store.ts";
import { grantRefreshToken, type RefreshGrantOptions } from "./refresh.ts";
import { grantClientCredentials } from "./token.ts";

export interface OAuthRouteDeps
  extends RefreshGrantOptions, IntrospectionOptions, RevocationOptions {
  readonly authenticateClient: AuthenticateClient;
  readonly config: RefreshGrantOptions["config"] & IntrospectionOptions["config"];
  readonly database: RevocationOptions["database"];
  readonly keyRing: RefreshGrantOptions["keyRing"] & IntrospectionOptions["keyRing"];
}

/** A client names itself by the header `Authorization: Basic` or in the form (RFC 6749 §2.3.1). */
const CREDENTIALS = {
  client_id: Type.Optional(Type.String()),
  client_secret: Type.Optional(Type.String()),
};
const shownToken = Type.Object({
  token: Type.String(),
  token_type_hint: Type.Optional(Type.String()),
  ...CREDENTIALS,
});

const granted = Type.Object({
  access_token: Type.String(),
  token_type: Type.Literal("Bearer"),
  expires_in: Type.Integer({ minimum: 1 }),
  scope: Type.String(),
  refresh_token: Type.Optional(Type.String()),
});
const described = Type.Object({
  active: Type.Boolean(),
  token_type: Type.Optional(Type.Enum(["Bearer", "refresh_token"])),
  exp: Type.Optional(Type.Integer()),
  scope: Type.Optional(Type.String()),
  client_id: Type.Optional(optionalText),
  username: Type.Optional(optionalText),
  kind: Type.Optional(Type.String()),
});
const refused = Type.Object({
  error: Type.Enum(OAUTH_ERROR_CODES),
  error_description: Type.String(),
});

/** The token endpoint and its neighbours, for machine clients. Errors as RFC 6749 §5.2 has them. */
export function createOAuthRoutes(deps: OAuthRouteDeps): Route[] {
  const answer = (ask: Question) => (request: AnyRequest) => answerClient(deps, request, ask);
  return [
    defineRoute({
      ...common("/oauth/token", "Issues an access token to a machine client (RFC 6749)", granted),
      description:
        "`client_credentials`, and `refresh_token` for clients registered to get one; the scope is a list of `context:permission`.",
      body: Type.Object({
        grant_type: Type.String(),
        scope: Type.Optional(Type.String()),
        refresh_token: Type.Optional(Type.String()),
        resource: Type.Optional(Type.String({ description: "The audience; also `audience`." })),
        ...CREDENTIALS,
      }),
      bodyExample: { grant_type: "client_credentials", scope: "iam:access_basic_features" },
      handler: answer((client, parameters, request) => token(deps, client, parameters, request)),
    }),
    defineRoute({
      ...common("/oauth/introspect", "Tells a machine client about a token (RFC 7662)", described),
      description: "A token that is not good, or of another tenant, is `active: false`.",
      body: shownToken,
      bodyExample: { token: "eyJ…" },
      handler: answer(async (client, { token: text }) =>
        text === undefined ? oauthError("invalid_request") : introspectToken(deps, client, text),
      ),
    }),
    defineRoute({
      ...common("/oauth/revoke", "Takes a token back (RFC 7009)", Type.Object({})),
      description: "200 also for a token that is none, or is over.",
      body: shownToken,
      bodyExample: { token: "eyJ…" },
      handler: answer(async (client, { token: text }, request) =>
        text === undefined
          ? oauthError("invalid_request")
          : revokeShownToken(deps, client, text, request),
      ),
    }),
  ];
}

type Question = (
  client: Client,
  parameters: Parameters,
  request: AnyRequest,
) => Promise<object | OAuthError>;

const common = (path: string, summary: string, schema: TSchema) =>
  ({
    method: "POST",
    path,
    summary,
    tag: "oauth",
    access: PUBLIC,
    bodyForm: true,
    bodyBytesMax: limits.formBytesMax,
    responses: {
      200: { description: "As the RFC has it", schema },
      400: { description: "`error` says why", jsonSchema: refused },
      401: { description: "`invalid_client`", jsonSchema: refused },
      403: { description: "`access_denied`: the network is blocked", jsonSchema: refused },
      429: {
        description: "`temporarily_unavailable`: too many wrong secrets, or revocations",
        jsonSchema: refused,
      },
    },
  }) as const;

async function answerClient(
  { authenticateClient }: OAuthRouteDeps,
  request: AnyRequest,
  ask: Question,
): Promise<Reply> {
  const parameters = readParameters(request.body as FormBody);
  if (isOAuthError(parameters)) return toReply(parameters);
  const client = await authenticateClient(request, parameters);
  if (isOAuthError(client)) return toReply(client);
  const answer = await ask(client, parameters, request);
  return isOAuthError(answer) ? toReply(answer) : json(200, answer, OAUTH_HEADERS);
}

async function token(
  deps: OAuthRouteDeps,
  client: Client,
  parameters: Parameters,
  request: AnyRequest,
): Promise<object | OAuthError> {
  const { grant_type: grantType } = parameters;
  if (grantType === undefined) return oauthError("invalid_request");
  if (grantType === "client_credentials") return grantClientCredentials(deps, client, parameters);
  if (grantType === "refresh_token") {
    return grantRefreshToken(deps, client, parameters, callerOf(request));
  }
  return oauthError("unsupported_grant_type");
}
