import { json } from "../http/reply.ts";
import { defineRoute, PUBLIC, type Route } from "../http/route.ts";
import { closed, Type } from "../http/schema.ts";
import type { Clock } from "../platform/clock.ts";
import type { CognitoSettings } from "../platform/config-issuers.ts";
import { platformErrors, type AppError } from "../platform/errors.ts";
import { cognitoRefreshLimits, tokenLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { CognitoRefresher, type CognitoTokens } from "./cognito/refresher.ts";
import { authErrors } from "./errors.ts";
import { AuthenticationError } from "./providers/failures.ts";
import { NO_STORE } from "./routes-replies.ts";
import type { Throttle } from "./throttle/throttle.ts";

export interface CognitoRouteDeps {
  readonly config: { readonly cognito: CognitoSettings | undefined };
  readonly throttle: Throttle;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
}

const refreshBody = closed({
  refresh_token: Type.String({ minLength: 1, maxLength: tokenLimits.textBytesMax }),
  client_id: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: cognitoRefreshLimits.clientIdCharactersMax,
      description: "One of `COGNITO_CLIENT_ID`; default the first.",
    }),
  ),
  username: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: cognitoRefreshLimits.usernameCharactersMax,
      description: "For a client with a secret, where `COGNITO_DOMAIN` is not set.",
    }),
  ),
});

const refreshAnswer = closed({
  access_token: Type.String(),
  id_token: Type.Optional(Type.String()),
  refresh_token: Type.Optional(Type.String({ description: "When the pool rotates them." })),
  token_type: Type.Literal("Bearer"),
  expires_in: Type.Integer({ description: "Seconds." }),
});

/** For apps of the pool of `COGNITO_*` that may not speak to it themselves; without it no route. */
export function createCognitoRoutes(deps: CognitoRouteDeps): Route[] {
  const { cognito } = deps.config;
  // With a pool or without: what is measured has the same names everywhere.
  const count = countersOf(deps.metrics);
  return cognito === undefined ? [] : [refreshRoute(deps, openRefreshers(deps, cognito), count)];
}

function openRefreshers({ clock }: CognitoRouteDeps, cognito: CognitoSettings) {
  const { clientSecret, domain, ...pool } = cognito;
  const ids = cognito.clientId.split(",").map((id) => id.trim());
  // The secret is that of the first one: others are apps that cannot keep any.
  const open = (clientId: string, first: boolean) =>
    new CognitoRefresher({
      ...pool,
      ...(first && { clientSecret }),
      cognitoDomain: domain,
      clientId,
      clock,
      deadlineMs: cognitoRefreshLimits.deadlineMs,
      // The settings have decided where HTTP is allowed.
      allowHttp: true,
    });
  const refreshers = new Map(ids.map((id, at) => [id, open(id, at === 0)]));
  return (clientId = ids[0]!) => refreshers.get(clientId);
}

const OUTCOMES = ["success", "refused", "unavailable"] as const;

const refreshRoute = (
  deps: CognitoRouteDeps,
  refresherOf: (clientId: string | undefined) => CognitoRefresher | undefined,
  count: ReturnType<typeof countersOf>,
) => {
  const { throttle, log } = deps;
  return defineRoute({
    method: "POST",
    path: "/auth/cognito/refresh",
    summary: "Exchanges a refresh token of the Cognito user pool for new tokens",
    description: "Only the pool of the settings is asked; there is no such route without one.",
    tag: "auth",
    access: PUBLIC,
    body: refreshBody,
    bodyExample: { refresh_token: "eyJjdHkiOiJKV1QiLCJlbmMiOi…" },
    responses: {
      200: { description: "New tokens of the same session", schema: refreshAnswer },
      401: { description: "`refresh_token_invalid`: over, taken back, or of another client" },
      403: { description: "`network_blocked`" },
      422: { description: "`username` is missing" },
      429: { description: "`rate_limited`: too many refreshes from this network" },
      503: { description: "`unavailable`: Cognito cannot be asked just now" },
    },
    async handler({ body, address }) {
      const { refresh_token: refreshToken, client_id: clientId, username } = body;
      await throttle.take("cognitoRefreshNetwork", address);
      const refresher = refresherOf(clientId);
      if (refresher === undefined) throw authErrors.failure("refresh_token_invalid");
      if (refresher.needsUsername && username === undefined) throw usernameMissing();
      try {
        const tokens = await refresher.refresh({ refreshToken, username });
        count.success.add();
        return json(200, toBody(tokens), NO_STORE);
      } catch (error) {
        if (!(error instanceof AuthenticationError)) throw error;
        count[error.status === 401 ? "refused" : "unavailable"].add();
        if (error.status !== 401) {
          log.warn({ event: "cognito_unavailable", code: error.code, reason: error.reason });
        }
        throw toFailure(error);
      }
    },
  });
};

function countersOf(metrics: Metrics) {
  const counter = (outcome: (typeof OUTCOMES)[number]) =>
    metrics.counter("brigade_cognito_refreshes_total", "Refreshes asked of Cognito", { outcome });
  return {
    success: counter("success"),
    refused: counter("refused"),
    unavailable: counter("unavailable"),
  };
}

function toBody(tokens: CognitoTokens) {
  return {
    access_token: tokens.accessToken,
    ...(tokens.idToken === undefined ? {} : { id_token: tokens.idToken }),
    ...(tokens.refreshToken === undefined ? {} : { refresh_token: tokens.refreshToken }),
    token_type: "Bearer" as const,
    expires_in: tokens.expiresIn,
  };
}

function toFailure(error: AuthenticationError): AppError {
  const note = error.reason ?? error.code;
  if (error.status === 401) return authErrors.failure("refresh_token_invalid", { note });
  const seconds = error.retryAfterSeconds ?? cognitoRefreshLimits.retryAfterSeconds;
  const headers = { "retry-after": String(Math.max(1, seconds)) };
  return platformErrors.failure("unavailable", { note, headers });
}

function usernameMissing(): AppError {
  return platformErrors.failure("validation_failed", {
    errors: [{ path: "/body/username", code: "required", message: "is needed by this client" }],
  });
}
