import { json, noContent } from "../http/reply.ts";
import { defineRoute, PUBLIC, STEP_UP, type Access, type Route } from "../http/route.ts";
import { Type } from "../http/schema.ts";
import { platformErrors } from "../platform/errors.ts";
import { accountLimits, passwordLimits } from "../platform/limits.ts";
import {
  askForEmailChange,
  confirmEmailChange,
  type EmailChangeOptions,
} from "./accounts/email-change.ts";
import { acceptInvitation, type InvitationOptions } from "./accounts/invitation.ts";
import { erase, type ErasureOptions } from "./accounts/standing.ts";
import { findAccountById } from "./accounts/store.ts";
import { placeOf } from "./audit/place.ts";
import { createTokenPage } from "./pages/token-page.ts";
import { linkToken } from "./routes-email.ts";
import { callerOf, NO_STORE, ownAccountId } from "./routes-replies.ts";
import { messageAnswer } from "./routes-schemas.ts";

/** An account belongs to a person, who has to be there. */
const OWNERS: Access = { kind: "authenticated", kinds: ["user"], stepUp: STEP_UP };

/** Another address, the first password of somebody who was invited, and the end. */
export function createAddressRoutes(
  deps: EmailChangeOptions & InvitationOptions & ErasureOptions,
): Route[] {
  return [
    askRoute(deps),
    confirmRoute(deps),
    CHANGE_PAGE,
    acceptRoute(deps),
    INVITATION_PAGE,
    eraseOwnRoute(deps),
  ];
}

const eraseOwnRoute = (deps: ErasureOptions) =>
  defineRoute({
    method: "DELETE",
    path: "/users/me",
    aliases: [{ path: "/api/users/me" }],
    summary: "Erases the caller's account and its personal data for good",
    tag: "auth",
    access: OWNERS,
    responses: {
      204: { description: "Erased; the caller's tokens are refused from now on" },
      401: { description: "`step_up_required`: log in again first" },
      409: { description: "`last_administrator`" },
    },
    async handler(request) {
      const account = await findAccountById(deps.database, ownAccountId(request.principal));
      if (account === undefined) throw platformErrors.failure("not_found");
      await erase(deps, account, { actor: account.id, ...placeOf(callerOf(request)) });
      return noContent();
    },
  });

const ASKED = Object.freeze({
  message: "A mail is on its way to the new address. Nothing changes before its link is used.",
});
const CHANGED = Object.freeze({ message: "The account uses the new address" });

const askRoute = (deps: EmailChangeOptions) =>
  defineRoute({
    method: "POST",
    path: "/users/me/email",
    aliases: [{ path: "/api/users/me/email" }],
    summary: "Asks for another e-mail address; a mail to it proves it",
    description: "The old address is told. Whether the new one has an account is not.",
    tag: "auth",
    access: OWNERS,
    body: Type.Object(
      { email: Type.String({ minLength: 3, maxLength: accountLimits.emailMaxCharacters }) },
      { additionalProperties: false },
    ),
    bodyExample: { email: "ana.souza@example.com" },
    responses: {
      202: { description: "The rest happens by mail", schema: messageAnswer },
      429: { description: "`rate_limited`: too many mails were asked for" },
    },
    async handler(request) {
      const accountId = ownAccountId(request.principal);
      await askForEmailChange(deps, accountId, request.body.email, callerOf(request));
      return json(202, ASKED, NO_STORE);
    },
  });

const confirmRoute = (deps: EmailChangeOptions) =>
  defineRoute({
    method: "POST",
    path: "/auth/email/change",
    summary: "Takes a new address over with the token that was sent to it",
    tag: "auth",
    access: PUBLIC,
    body: Type.Object({ token: linkToken }, { additionalProperties: false }),
    bodyExample: { token: "Vn3q9…" },
    responses: {
      200: { description: "Changed, and proven", schema: messageAnswer },
      400: { description: "`link_invalid`: used, too old, or overtaken" },
      409: { description: "`account_exists`: somebody took the address meanwhile" },
      429: { description: "`rate_limited`: too many tokens were tried from this network" },
    },
    async handler(request) {
      await confirmEmailChange(deps, request.body.token, callerOf(request));
      return json(200, CHANGED, NO_STORE);
    },
  });

const acceptRoute = (deps: InvitationOptions) =>
  defineRoute({
    method: "POST",
    path: "/auth/invitation",
    summary: "Sets the first password of an invited account",
    tag: "auth",
    access: PUBLIC,
    body: Type.Object(
      {
        token: linkToken,
        password: Type.String({ minLength: 1, maxLength: passwordLimits.maxCharacters }),
      },
      { additionalProperties: false },
    ),
    bodyExample: { token: "Vn3q9…", password: "four plates of rice" },
    responses: {
      204: { description: "The account can be used, and its address is proven" },
      400: { description: "`link_invalid`: used or too old" },
      422: { description: "The password cannot be used; the link stays good" },
      429: { description: "`rate_limited`: too many tokens were tried from this network" },
    },
    async handler(request) {
      const { token, password } = request.body;
      const { signal } = request;
      await acceptInvitation(deps, { token, password, signal }, callerOf(request));
      return noContent(NO_STORE);
    },
  });

const CHANGE_PAGE = createTokenPage({
  path: "/auth/email/change",
  summary: "The page that the mail leads to; its button changes the address",
  endpoint: "/auth/email/change",
  method: "POST",
  words: {
    en: {
      title: "Use this e-mail address",
      button: "Use this address",
      done: "Your account uses this address now. You can close this page.",
      failed: "This link does not work any more. Ask for the change again.",
    },
    "pt-BR": {
      title: "Usar este endereço de e-mail",
      button: "Usar este endereço",
      done: "A sua conta usa agora este endereço. Você pode fechar esta página.",
      failed: "Este link não funciona mais. Peça a mudança de novo.",
    },
  },
});

const INVITATION_PAGE = createTokenPage({
  path: "/auth/invitation",
  summary: "The page that an invitation leads to; its button sets the password",
  endpoint: "/auth/invitation",
  method: "POST",
  passwordField: "password",
  words: {
    en: {
      title: "Choose a password",
      button: "Set the password",
      field: "Password",
      done: "Your password is set. You can log in now.",
      failed: "That did not work.",
    },
    "pt-BR": {
      title: "Escolha uma senha",
      button: "Definir a senha",
      field: "Senha",
      done: "A sua senha foi definida. Você já pode entrar.",
      failed: "Não funcionou.",
    },
  },
});
