import { json } from "../http/reply.ts";
import { defineRoute, PUBLIC, type Route } from "../http/route.ts";
import { platformErrors } from "../platform/errors.ts";
import type { Register } from "./accounts/register.ts";
import { languageOf } from "./mail/language.ts";
import { callerOf, NO_STORE, toGrantBody } from "./routes-replies.ts";
import {
  grantAnswer,
  loginBody,
  messageAnswer,
  refreshBody,
  registerBody,
} from "./routes-schemas.ts";
import type { Login } from "./session/login.ts";
import type { Refresh } from "./session/refresh.ts";

export interface LoginRouteDeps {
  readonly register: Register;
  readonly login: Login;
  readonly refresh: Refresh;
}

export function createLoginRoutes(deps: LoginRouteDeps): Route[] {
  return [registerRoute(deps), loginRoute(deps), refreshRoute(deps)];
}

const REGISTERED = Object.freeze({
  message: "If the address is new, an account was made. Look into its mail for the next step.",
});

const registerRoute = ({ register }: LoginRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/register",
    aliases: [{ path: "/v2/auth/register" }],
    summary: "Makes an account and opens its first session",
    description:
      "With `EMAIL_VERIFICATION=required` the answer is 202 with one constant body, whether the " +
      "address was new or not.",
    tag: "auth",
    access: PUBLIC,
    body: registerBody,
    bodyExample: {
      email: "ana@example.com",
      password: "four plates of rice",
      username: "ana",
      name: "Ana Souza",
    },
    responses: {
      201: { description: "The account, and its first tokens", schema: grantAnswer },
      202: { description: "The rest happens by mail", schema: messageAnswer },
      401: { description: "`mfa_required`: the tenant wants a second factor of everybody" },
      409: { description: "`account_exists`: the address or the user name is taken" },
      422: { description: "An identifier or the password cannot be used" },
      429: { description: "`rate_limited`: too many registrations from this network" },
      503: { description: "`overloaded`: too much password work is waiting" },
    },
    async handler(request) {
      const { email, password, username, name } = request.body;
      const caller = callerOf(request);
      const { signal } = request;
      const language = languageOf(request.header("accept-language"));
      const grant = await register({ email, password, username, name, caller, language, signal });
      if (grant === undefined) return json(202, REGISTERED, NO_STORE);
      return json(201, toGrantBody(grant), NO_STORE);
    },
  });

const loginRoute = ({ login }: LoginRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/login",
    aliases: [{ path: "/v2/auth/login" }],
    summary: "Opens a session with an e-mail address or a user name and a password",
    description:
      "A wrong password, an unknown account and one whose attempts are used up get the same " +
      "answer.",
    tag: "auth",
    access: PUBLIC,
    body: loginBody,
    bodyExample: { email: "ana@example.com", password: "four plates of rice", remember_me: false },
    responses: {
      200: { description: "A new session's tokens", schema: grantAnswer },
      401: {
        description:
          "`credentials_invalid`; or `mfa_required` with `challenge_token`, `methods` and " +
          "`expires_in`, after the right password of an account with a second factor",
      },
      403: {
        description:
          "`account_disabled`, `account_locked`: said only after the right password; " +
          "`network_blocked`",
      },
      409: { description: "`conflict`: the account has as many sessions as it may have" },
      429: {
        description:
          "`rate_limited`: too many wrong passwords from this network, or one of this identifier " +
          "from it a moment ago",
      },
      503: { description: "`overloaded`: too much password work is waiting" },
    },
    async handler(request) {
      const { body, signal } = request;
      const grant = await login({
        identifier: readIdentifier(body.email, body.username),
        password: body.password,
        rememberMe: body.remember_me ?? false,
        device: body.device_info,
        trustedDeviceToken: body.trusted_device_token,
        caller: callerOf(request),
        signal,
      });
      return json(200, toGrantBody(grant), NO_STORE);
    },
  });

const refreshRoute = ({ refresh }: LoginRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/refresh",
    aliases: [{ path: "/v2/auth/refresh" }],
    summary: "Exchanges a refresh token for new tokens; each is used once",
    description:
      "The token just used may be sent again for 10 seconds and gets the same successor, in case " +
      "the answer was lost. Any other second use ends the session.",
    tag: "auth",
    access: PUBLIC,
    body: refreshBody,
    bodyExample: { refresh_token: "4fK1c0aZ.AZqn2k0HcW2Xo1lq9b1kqA.0.…" },
    responses: {
      200: { description: "New tokens of the same session", schema: grantAnswer },
      401: { description: "`refresh_token_invalid`, or `device_mismatch`" },
      403: { description: "`network_blocked`: the tenant lets nobody in from there" },
    },
    async handler(request) {
      const { refresh_token: refreshToken, device_info: device } = request.body;
      const grant = await refresh({ refreshToken, device, caller: callerOf(request) });
      return json(200, toGrantBody(grant), NO_STORE);
    },
  });

/** Throws `validation_failed` unless there is exactly one. */
function readIdentifier(email: string | undefined, username: string | undefined): string {
  const identifier = email ?? username;
  if (identifier === undefined || (email !== undefined && username !== undefined)) {
    throw platformErrors.failure("validation_failed", {
      errors: [{ path: "/body", code: "one_of", message: "must have either email or username" }],
    });
  }
  return identifier;
}
