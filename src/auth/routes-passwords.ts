import { json } from "../http/reply.ts";
import { defineRoute, PUBLIC, type Access, type Route } from "../http/route.ts";
import { normaliseEmail } from "./accounts/identifiers.ts";
import { authErrors } from "./errors.ts";
import type { WaitForCluster } from "./index.ts";
import { createTokenPage } from "./pages/token-page.ts";
import type { ChangePassword } from "./password/change.ts";
import {
  askForReset,
  confirmReset,
  type AskResetOptions,
  type ConfirmOptions,
} from "./password/reset.ts";
import {
  askResetBody,
  changeAnswer,
  changeBody,
  confirmResetBody,
} from "./routes-password-schemas.ts";
import { callerOf, NO_STORE, ownAccountId } from "./routes-replies.ts";
import { messageAnswer, waitQuery } from "./routes-schemas.ts";

export interface PasswordRouteDeps {
  readonly changePassword: ChangePassword;
  readonly reset: AskResetOptions & ConfirmOptions;
  readonly waitForCluster: WaitForCluster;
}

/** A password belongs to a person. */
const USERS: Access = { kind: "authenticated", kinds: ["user"] };

/** Passwords that take the place of another one. */
export function createPasswordRoutes(deps: PasswordRouteDeps): Route[] {
  return [changeRoute(deps), askResetRoute(deps), confirmResetRoute(deps), RESET_PAGE];
}

const changeRoute = ({ changePassword, waitForCluster }: PasswordRouteDeps) =>
  defineRoute({
    method: "PUT",
    path: "/auth/password",
    aliases: [{ path: "/v2/auth/password" }],
    summary: "Changes the caller's password, which ends all other sessions",
    description:
      "The present session lives on with the refresh token of the answer; the one before is void.",
    tag: "auth",
    access: USERS,
    query: waitQuery,
    body: changeBody,
    bodyExample: { current_password: "four plates of rice", new_password: "nine bowls of beans" },
    responses: {
      200: { description: "Changed", schema: changeAnswer },
      409: { description: "`version_conflict`: it was changed in the meantime" },
      422: { description: "The present password is wrong, or the new one cannot be taken" },
      429: { description: "`rate_limited`: too many wrong passwords" },
      503: { description: "`overloaded`: too much password work is waiting" },
    },
    async handler(request) {
      const { principal, body, query, signal } = request;
      const { sessionId } = principal;
      if (sessionId === undefined) throw authErrors.failure("permission_denied");
      const { endedCount, tokens, receipt } = await changePassword({
        accountId: ownAccountId(principal),
        sessionId,
        currentPassword: body.current_password,
        newPassword: body.new_password,
        endCurrentSession: body.end_current_session ?? false,
        caller: callerOf(request),
        signal,
      });
      if (query.wait === "cluster") await waitForCluster(receipt.number);
      const message = "The password was changed";
      return json(
        200,
        {
          message,
          sessions_ended: endedCount,
          ...(tokens && {
            access_token: tokens.accessToken,
            refresh_token: tokens.refreshToken,
            token_type: "Bearer",
            expires_in: tokens.expiresIn,
            refresh_expires_in: tokens.refreshExpiresIn,
          }),
        },
        NO_STORE,
      );
    },
  });

const ASKED = Object.freeze({
  message: "If the address has an account, a mail is on its way.",
});

const askResetRoute = ({ reset }: PasswordRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/password/reset",
    aliases: [{ path: "/v2/auth/password/reset" }],
    summary: "Asks for a mail by which a new password can be set",
    description: "The answer and its work are the same for every address.",
    tag: "auth",
    access: PUBLIC,
    body: askResetBody,
    bodyExample: { email: "ana@example.com" },
    responses: {
      202: { description: "The rest happens by mail, or not", schema: messageAnswer },
      429: { description: "`rate_limited`: too many mails were asked for from this network" },
    },
    async handler(request) {
      const { email } = request.body;
      // What cannot be an address is no account's either, and is not told.
      await askForReset(reset, normaliseEmail(email) ?? email, callerOf(request));
      return json(202, ASKED, NO_STORE);
    },
  });

const SET = Object.freeze({ message: "The password is set. Log in with it." });

const confirmResetRoute = ({ reset }: PasswordRouteDeps) =>
  defineRoute({
    method: "PUT",
    path: "/auth/password/reset",
    aliases: [{ path: "/v2/auth/password/reset" }],
    summary: "Sets a new password with a token",
    description:
      "The token is that of a mail, or the `change_token` of `password_expired`. All sessions " +
      "end and none is opened: a second factor is asked for at the next login.",
    tag: "auth",
    access: PUBLIC,
    body: confirmResetBody,
    bodyExample: { token: "Vn3q9…", new_password: "nine bowls of beans" },
    responses: {
      200: { description: "Set", schema: messageAnswer },
      400: { description: "`link_invalid`: used, too old, or never one" },
      409: { description: "`version_conflict`: it was changed in the meantime" },
      422: { description: "The password cannot be taken; the token is still good" },
      429: { description: "`rate_limited`: too many tokens were tried from this network" },
      503: { description: "`overloaded`: too much password work is waiting" },
    },
    async handler(request) {
      const { body, signal } = request;
      await confirmReset(reset, {
        token: body.token,
        newPassword: body.new_password,
        caller: callerOf(request),
        signal,
      });
      return json(200, SET, NO_STORE);
    },
  });

const RESET_PAGE = createTokenPage({
  path: "/auth/password/reset",
  summary: "The page that the mail leads to; its button sets the password",
  endpoint: "/auth/password/reset",
  method: "PUT",
  passwordField: "new_password",
  words: {
    en: {
      title: "Choose a new password",
      field: "New password",
      button: "Set the password",
      done: "Your password is set. You can log in with it now.",
      failed: "That did not work.",
    },
    "pt-BR": {
      title: "Escolha uma nova senha",
      field: "Nova senha",
      button: "Salvar a senha",
      done: "Sua senha foi salva. Você já pode entrar com ela.",
      failed: "Não funcionou.",
    },
  },
});
