import { json } from "../http/reply.ts";
import { defineRoute, PUBLIC, type Route } from "../http/route.ts";
import { Type } from "../http/schema.ts";
import { authErrors } from "./errors.ts";
import { unlockByToken, type UnlockOptions } from "./alerts/unlock.ts";
import { createTokenPage } from "./pages/token-page.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";
import { messageAnswer } from "./routes-schemas.ts";

/** Ends a lock with the token of the mail about it. */
export function createUnlockRoutes(deps: UnlockOptions): Route[] {
  return [unlockRoute(deps), PAGE];
}

const UNLOCKED = Object.freeze({ message: "The account is not locked any more" });

const unlockRoute = (deps: UnlockOptions) =>
  defineRoute({
    method: "POST",
    path: "/auth/unlock",
    aliases: [{ path: "/v2/auth/unlock" }],
    summary: "Ends the lock of an account with the token that was sent to its owner",
    description: "The token is good once. It opens no session: the password is still needed.",
    tag: "auth",
    access: PUBLIC,
    body: Type.Object(
      // Wide enough for any text in its place, which is told the same as a wrong token.
      { token: Type.String({ minLength: 1, maxLength: 512 }) },
      { additionalProperties: false },
    ),
    bodyExample: { token: "Vn3q9…" },
    responses: {
      200: { description: "Not locked any more", schema: messageAnswer },
      400: { description: "`link_invalid`: used, or too old" },
      429: { description: "`rate_limited`: too many tokens were tried from this network" },
    },
    async handler(request) {
      if (!(await unlockByToken(deps, request.body.token, callerOf(request)))) {
        throw authErrors.failure("link_invalid");
      }
      return json(200, UNLOCKED, NO_STORE);
    },
  });

const PAGE = createTokenPage({
  path: "/auth/unlock",
  summary: "The page that the mail leads to; its button ends the lock",
  endpoint: "/auth/unlock",
  method: "POST",
  words: {
    en: {
      title: "Unlock your account",
      button: "Unlock the account",
      done: "Your account is not locked any more. You can log in.",
      failed: "This link does not work any more.",
    },
    "pt-BR": {
      title: "Desbloquear a sua conta",
      button: "Desbloquear a conta",
      done: "A sua conta não está mais bloqueada. Você já pode entrar.",
      failed: "Este link não funciona mais.",
    },
  },
});
