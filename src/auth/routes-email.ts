import { json } from "../http/reply.ts";
import { defineRoute, PUBLIC, type Route } from "../http/route.ts";
import { Type } from "../http/schema.ts";
import { accountLimits } from "../platform/limits.ts";
import { normaliseEmail } from "./accounts/identifiers.ts";
import { askForResend, verifyEmail, type VerificationOptions } from "./accounts/verification.ts";
import { createTokenPage } from "./pages/token-page.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";
import { messageAnswer } from "./routes-schemas.ts";

/** Proving an e-mail address. */
export function createEmailRoutes(deps: VerificationOptions): Route[] {
  return [verifyRoute(deps), resendRoute(deps), VERIFY_PAGE];
}

const VERIFIED = Object.freeze({ message: "The address is verified" });
const RESENT = Object.freeze({
  message: "If the address waits for its verification, a mail is on its way.",
});

/** Wide enough for any text in its place, which is told the same as a wrong token. */
export const linkToken = Type.String({ minLength: 1, maxLength: 512 });

const verifyRoute = (deps: VerificationOptions) =>
  defineRoute({
    method: "POST",
    path: "/auth/email/verify",
    aliases: [{ path: "/v2/auth/email/verify" }],
    summary: "Proves an e-mail address with the token that was sent to it",
    tag: "auth",
    access: PUBLIC,
    body: Type.Object({ token: linkToken }, { additionalProperties: false }),
    bodyExample: { token: "Vn3q9…" },
    responses: {
      200: { description: "Verified", schema: messageAnswer },
      400: { description: "`link_invalid`: used, too old, or for another address" },
      429: { description: "`rate_limited`: too many tokens were tried from this network" },
    },
    async handler(request) {
      await verifyEmail(deps, request.body.token, callerOf(request));
      return json(200, VERIFIED, NO_STORE);
    },
  });

const resendRoute = (deps: VerificationOptions) =>
  defineRoute({
    method: "POST",
    path: "/auth/email/resend",
    aliases: [{ path: "/v2/auth/email/resend" }],
    summary: "Sends the mail that verifies an address again",
    description: "The answer and its work are the same for every address.",
    tag: "auth",
    access: PUBLIC,
    body: Type.Object(
      { email: Type.String({ minLength: 1, maxLength: accountLimits.emailMaxCharacters }) },
      { additionalProperties: false },
    ),
    bodyExample: { email: "ana@example.com" },
    responses: {
      202: { description: "The rest happens by mail, or not", schema: messageAnswer },
      429: { description: "`rate_limited`: too many mails were asked for from this network" },
    },
    async handler(request) {
      const { email } = request.body;
      // What cannot be an address is no account's either, and is not told.
      await askForResend(deps, normaliseEmail(email) ?? email, callerOf(request));
      return json(202, RESENT, NO_STORE);
    },
  });

const VERIFY_PAGE = createTokenPage({
  path: "/auth/email/verify",
  summary: "The page that the mail leads to; its button verifies",
  endpoint: "/auth/email/verify",
  method: "POST",
  words: {
    en: {
      title: "Confirm your e-mail address",
      button: "Confirm the address",
      done: "Your address is confirmed. You can close this page.",
      failed: "This link does not work any more. Ask for a new mail.",
    },
    "pt-BR": {
      title: "Confirme seu endereço de e-mail",
      button: "Confirmar o e-mail",
      done: "Seu endereço foi confirmado. Você pode fechar esta página.",
      failed: "Este link não funciona mais. Peça uma nova mensagem.",
    },
  },
});
