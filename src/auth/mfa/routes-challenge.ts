import { json } from "../../http/reply.ts";
import { defineRoute, PUBLIC, type Route } from "../../http/route.ts";
import type { Database } from "../../platform/postgres.ts";
import { callerOf, NO_STORE, toGrantBody } from "../routes-replies.ts";
import { grantAnswer } from "../routes-schemas.ts";
import { Type } from "../../http/schema.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { ChallengeCompletion } from "./complete.ts";
import type { PasskeyLogin } from "./passkey-login.ts";
import {
  challengeBody,
  completeBody,
  passkeyLoginBody,
  recoveryCodes,
  totpAnswer,
  webauthnOptions,
} from "./routes-schemas.ts";
import { toAssertion, toFactorAnswer } from "./routes-views.ts";
import { issueWebauthnChallenge, listPasskeys } from "./store-passkeys.ts";
import { assertionOptions, type RelyingParty } from "./webauthn.ts";

export interface ChallengeRouteDeps {
  readonly database: Database;
  readonly throttle: Throttle;
  readonly completion: ChallengeCompletion;
  readonly passkeyLogin: PasskeyLogin;
  readonly party: RelyingParty;
}

/** What somebody calls who has no session yet. */
export function createChallengeRoutes(deps: ChallengeRouteDeps): Route[] {
  return [
    completeRoute(deps),
    challengeOptionsRoute(deps),
    challengeTotpRoute(deps),
    loginOptionsRoute(deps),
    passkeyLoginRoute(deps),
  ];
}

const CHALLENGE_FAULTS = {
  401: {
    description:
      "`mfa_challenge_invalid`: used, late, or the account changed: log in again; " +
      "`mfa_code_invalid`; `device_mismatch`",
  },
  429: { description: "`rate_limited`: too many wrong answers" },
};

const completeRoute = ({ completion }: ChallengeRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/mfa/challenge",
    summary: "Completes a login with its second factor",
    description:
      "With the `challenge_token` of `mfa_required`. A wrong answer leaves the login open, until " +
      "the account's guesses are used up. A login that was told to `enrol` is completed with the " +
      "first code of the generator that was shown for it.",
    tag: "auth",
    access: PUBLIC,
    body: completeBody,
    bodyExample: { challenge_token: "Zm9…", method: "totp", code: "123456" },
    responses: {
      200: {
        description: "A new session's tokens",
        schema: Type.Object(
          {
            ...grantAnswer.properties,
            trusted_device_token: Type.Optional(Type.String()),
            recovery_codes: Type.Optional(recoveryCodes),
          },
          { additionalProperties: false },
        ),
      },
      ...CHALLENGE_FAULTS,
      409: { description: "`conflict`: the account has as many sessions as it may have" },
    },
    async handler(request) {
      const { body } = request;
      const {
        grant,
        trustedDeviceToken,
        recoveryCodes: codes,
      } = await completion.complete({
        challengeToken: body.challenge_token,
        answer: toFactorAnswer(body),
        device: body.device_info,
        rememberDevice: body.remember_device ?? false,
        caller: callerOf(request),
      });
      const more = {
        ...(trustedDeviceToken === undefined ? {} : { trusted_device_token: trustedDeviceToken }),
        ...(codes === undefined ? {} : { recovery_codes: codes }),
      };
      return json(200, { ...toGrantBody(grant), ...more }, NO_STORE);
    },
  });

const challengeOptionsRoute = ({ database, throttle, completion, party }: ChallengeRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/mfa/challenge/options",
    summary: "What a passkey has to sign to complete a login",
    tag: "auth",
    access: PUBLIC,
    body: challengeBody,
    bodyExample: { challenge_token: "Zm9…" },
    responses: {
      200: { description: "Options of `navigator.credentials.get`", schema: webauthnOptions },
      ...CHALLENGE_FAULTS,
    },
    async handler(request) {
      const { challenge_token: token, device_info: device } = request.body;
      const { account } = await completion.find(token, device);
      await throttle.take("passkeyOptionsNetwork", request.address);
      const challenge = await issueWebauthnChallenge(database, "factor", account.id);
      const passkeys = await listPasskeys(database, account.id);
      return json(200, await assertionOptions(party, challenge, passkeys), NO_STORE);
    },
  });

const challengeTotpRoute = ({ throttle, completion }: ChallengeRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/mfa/challenge/totp",
    summary: "Shows a code generator to a login that has to enrol first",
    tag: "auth",
    access: PUBLIC,
    body: challengeBody,
    bodyExample: { challenge_token: "Zm9…" },
    responses: {
      200: { description: "What an authenticator app takes in", schema: totpAnswer },
      ...CHALLENGE_FAULTS,
    },
    async handler(request) {
      const { challenge_token: token, device_info: device } = request.body;
      await throttle.take("passkeyOptionsNetwork", request.address);
      const shown = await completion.showTotp(token, device, request.signal);
      const { secret, uri, qrSvg } = shown;
      return json(200, { secret, uri, qr_svg: qrSvg }, NO_STORE);
    },
  });

const loginOptionsRoute = ({ database, throttle, party }: ChallengeRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/login/passkey/options",
    summary: "What a passkey has to sign to log in without a password",
    tag: "auth",
    access: PUBLIC,
    responses: {
      200: { description: "Options of `navigator.credentials.get`", schema: webauthnOptions },
      403: { description: "`network_blocked`" },
      429: { description: "`rate_limited`" },
    },
    async handler({ address }) {
      await throttle.take("passkeyOptionsNetwork", address);
      const challenge = await issueWebauthnChallenge(database, "login", undefined);
      return json(200, await assertionOptions(party, challenge, undefined), NO_STORE);
    },
  });

const passkeyLoginRoute = ({ passkeyLogin }: ChallengeRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/login/passkey",
    summary: "Opens a session with a passkey in place of a password",
    description: "The authenticator must have made sure who holds it (user verification).",
    tag: "auth",
    access: PUBLIC,
    body: passkeyLoginBody,
    bodyExample: {
      assertion: {
        id: "qrs",
        rawId: "qrs",
        type: "public-key",
        response: { clientDataJSON: "e30", authenticatorData: "AA", signature: "AA" },
        clientExtensionResults: {},
      },
    },
    responses: {
      200: { description: "A new session's tokens", schema: grantAnswer },
      401: { description: "`credentials_invalid`, whatever is wrong with the answer" },
      403: { description: "`account_disabled`, `network_blocked`" },
      429: { description: "`rate_limited`" },
    },
    async handler(request) {
      const { body } = request;
      const grant = await passkeyLogin({
        response: toAssertion(body.assertion),
        device: body.device_info,
        rememberMe: body.remember_me ?? false,
        caller: callerOf(request),
      });
      return json(200, toGrantBody(grant), NO_STORE);
    },
  });
