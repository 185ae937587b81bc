import { json } from "../../http/reply.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import type { Database } from "../../platform/postgres.ts";
import { callerOf, NO_STORE, ownAccountId } from "../routes-replies.ts";
import { USERS } from "./routes-factors.ts";
import { stepUpAnswer, stepUpBody, webauthnOptions } from "./routes-schemas.ts";
import { toFactorAnswer } from "./routes-views.ts";
import { ownSession, type StepUp } from "./step-up.ts";
import { issueWebauthnChallenge, listPasskeys } from "./store-passkeys.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { assertionOptions, type RelyingParty } from "./webauthn.ts";

export interface StepUpRouteDeps {
  readonly database: Database;
  readonly throttle: Throttle;
  readonly stepUp: StepUp;
  readonly party: RelyingParty;
}

export function createStepUpRoutes(deps: StepUpRouteDeps): Route[] {
  return [stepUpRoute(deps), optionsRoute(deps)];
}

const stepUpRoute = ({ stepUp }: StepUpRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/step-up",
    summary: "Proves again who is calling, for what asks for a fresh authentication",
    description:
      "The answer to `step_up_required`: a new access token of the same session. Who has a second " +
      "factor gives that one, everybody else the password. Refresh tokens stay as they are.",
    tag: "auth",
    access: USERS,
    body: stepUpBody,
    bodyExample: { method: "password", password: "four plates of rice" },
    responses: {
      200: {
        description: "An access token with a new time of authentication",
        schema: stepUpAnswer,
      },
      401: { description: "`credentials_invalid` or `mfa_code_invalid`" },
      429: { description: "`rate_limited`: too many wrong answers" },
    },
    async handler(request) {
      const { principal, body, signal } = request;
      const { accessToken, expiresIn } = await stepUp({
        ...ownSession(principal),
        answer: body.method === "password" ? body : toFactorAnswer(body),
        caller: callerOf(request),
        signal,
      });
      const answer = { access_token: accessToken, token_type: "Bearer", expires_in: expiresIn };
      return json(200, answer, NO_STORE);
    },
  });

const optionsRoute = ({ database, throttle, party }: StepUpRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/step-up/options",
    summary: "What a passkey has to sign to step up",
    tag: "auth",
    access: USERS,
    responses: {
      200: { description: "Options of `navigator.credentials.get`", schema: webauthnOptions },
    },
    async handler({ principal }) {
      const accountId = ownAccountId(principal);
      await throttle.take("passkeyAccount", accountId);
      const challenge = await issueWebauthnChallenge(database, "step_up", accountId);
      const passkeys = await listPasskeys(database, accountId);
      return json(200, await assertionOptions(party, challenge, passkeys), NO_STORE);
    },
  });
