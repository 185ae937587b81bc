import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import {
  CognitoRefresher,
  type CognitoRefresherOptions,
} from "../../../src/auth/cognito/refresher.ts";
import { CognitoSession } from "../../../src/auth/cognito/session.ts";
import { AuthenticationError, ConfigurationError } from "../../../src/auth/providers/failures.ts";
import { AuthNToken } from "../../../src/auth/providers/token.ts";
import { createManualClock } from "../../support/clock.ts";
import { startTokenServer } from "../../support/token-server.ts";

type Answer = Parameters<typeof startTokenServer>[0];

const tokens =
  (extra: object = {}): Answer =>
  (_, number) => ({
    body: {
      AuthenticationResult: {
        AccessToken: `access-${number}`,
        IdToken: `id-${number}`,
        TokenType: "Bearer",
        ExpiresIn: 3600,
        ...extra,
      },
      ChallengeParameters: {},
    },
  });

async function open(
  t: TestContext,
  answer: Answer = tokens(),
  options: Partial<CognitoRefresherOptions> = {},
) {
  const server = await startTokenServer(answer);
  t.after(() => server.stop());
  const clock = createManualClock();
  const refresher = new CognitoRefresher({
    userPoolId: "us-east-1_Abc123",
    clientId: "app",
    endpoint: server.url,
    clock,
    pause: async () => undefined,
    ...options,
  });
  return { server, clock, refresher };
}

const refreshToken = "the refresh token";
const failureOf = (promise: Promise<unknown>): Promise<AuthenticationError> =>
  promise.then(
    () => assert.fail("it has to fail"),
    (error: unknown) => {
      assert.ok(error instanceof AuthenticationError);
      return error;
    },
  );

test("a public client exchanges a refresh token by InitiateAuth", async (t) => {
  const { server, refresher } = await open(t);
  const answer = await refresher.refresh({ refreshToken });
  assert.deepEqual(
    [answer.accessToken, answer.idToken, answer.refreshToken, answer.expiresIn],
    ["access-1", "id-1", undefined, 3600],
  );
  const [asked] = server.asked;
  assert.equal(asked!.headers["content-type"], "application/x-amz-json-1.1");
  assert.equal(asked!.headers["x-amz-target"], "AWSCognitoIdentityProviderService.InitiateAuth");
  assert.deepEqual(JSON.parse(asked!.text), {
    AuthFlow: "REFRESH_TOKEN_AUTH",
    ClientId: "app",
    AuthParameters: { REFRESH_TOKEN: refreshToken },
  });
});

test("a client with a secret proves it by a hash of the user's name, never by the secret", async (t) => {
  const { server, refresher } = await open(t, tokens(), { clientSecret: "very secret" });
  await refresher.refresh({ refreshToken, username: "ana" });
  const { AuthParameters } = JSON.parse(server.asked[0]!.text);
  const hash = createHmac("sha256", "very secret").update("anaapp").digest("base64");
  assert.equal(AuthParameters.SECRET_HASH, hash);
  assert.ok(!server.asked[0]!.text.includes("very secret"));
  await assert.rejects(refresher.refresh({ refreshToken }), ConfigurationError);
  assert.equal(server.asked.length, 1);
});

test("without a user's name the token endpoint of the domain is asked", async (t) => {
  const { server, refresher } = await open(t, () => ({
    body: { access_token: "a", id_token: "i", refresh_token: "r", expires_in: 60 },
  }));
  const withDomain = new CognitoRefresher({
    userPoolId: "us-east-1_Abc123",
    clientId: "app",
    clientSecret: "very secret",
    cognitoDomain: server.url,
    endpoint: server.url,
  });
  assert.equal(refresher.needsUsername, false);
  assert.equal(withDomain.needsUsername, false);
  const answer = await withDomain.refresh({ refreshToken });
  assert.deepEqual([answer.accessToken, answer.idToken, answer.refreshToken], ["a", "i", "r"]);
  assert.equal(server.asked[0]!.path, "/oauth2/token");
  assert.deepEqual(server.asked[0]!.form, {
    grant_type: "refresh_token",
    refresh_token: refreshToken,
  });
  server.answerWith(() => ({ status: 400, body: { error: "invalid_grant" } }));
  const failure = await failureOf(withDomain.refresh({ refreshToken }));
  assert.deepEqual([failure.code, failure.reason], ["refresh_token_invalid", "invalid_grant"]);
});

test("exchanges of one refresh token at a time are one call", async (t) => {
  const { server, refresher } = await open(t);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => refresher.refresh({ refreshToken })),
  );
  assert.equal(server.asked.length, 1);
  assert.ok(answers.every((answer) => answer === answers[0]));
  await Promise.all([
    refresher.refresh({ refreshToken }),
    refresher.refresh({ refreshToken: "b" }),
  ]);
  assert.equal(server.asked.length, 3);
});

const FAULTS: [string, number, string, number][] = [
  ["NotAuthorizedException", 400, "refresh_token_invalid", 1],
  ["UserNotFoundException", 400, "refresh_token_invalid", 1],
  ["PasswordResetRequiredException", 400, "refresh_token_invalid", 1],
  ["com.amazonaws.cognito#NotAuthorizedException", 400, "refresh_token_invalid", 1],
  ["TooManyRequestsException", 400, "issuer_throttled", 3],
  ["InternalErrorException", 400, "issuer_unavailable", 3],
  ["InternalErrorException", 500, "issuer_unavailable", 3],
  ["ResourceNotFoundException", 400, "issuer_answer_invalid", 1],
];
for (const [type, status, code, calls] of FAULTS) {
  test(`Cognito's ${type} with ${status} means ${code} and is asked for ${calls} times`, async (t) => {
    const { server, refresher } = await open(t, () => ({
      status,
      body: { __type: type, message: `${refreshToken} is bad` },
    }));
    const failure = await failureOf(refresher.refresh({ refreshToken }));
    assert.equal(failure.code, code);
    assert.equal(failure.status, code === "refresh_token_invalid" ? 401 : 503);
    assert.equal(server.asked.length, calls);
    assert.ok(!inspect(failure).includes(refreshToken));
  });
}

test("an exception that only a header names is read there", async (t) => {
  const { refresher } = await open(t, () => ({
    status: 400,
    headers: { "x-amzn-errortype": "NotAuthorizedException:http://internal.amazon.com/" },
    body: "",
  }));
  const failure = await failureOf(refresher.refresh({ refreshToken }));
  assert.equal(failure.code, "refresh_token_invalid");
});

test("a challenge in place of tokens, and an answer without any, are no refresh", async (t) => {
  for (const [body, code] of [
    [{ ChallengeName: "SMS_MFA", Session: "x" }, "refresh_token_invalid"],
    [{}, "issuer_answer_invalid"],
    [{ AuthenticationResult: { AccessToken: "a b" } }, "issuer_answer_invalid"],
    ["<html>", "issuer_answer_invalid"],
  ] as const) {
    const { refresher } = await open(t, () => ({ body }));
    assert.equal((await failureOf(refresher.refresh({ refreshToken }))).code, code);
  }
});

test("a session refreshes when three quarters of a token's life are over, in one flight", async (t) => {
  const { server, clock, refresher } = await open(t);
  const session = new CognitoSession({
    refresher,
    refreshToken,
    clock,
    accessToken: new AuthNToken({ accessToken: "first", expiresIn: 3600 }, clock),
  });
  clock.advanceMs(2_699_000);
  assert.equal((await session.getToken()).accessToken, "first");
  assert.equal(server.asked.length, 0);
  clock.advanceMs(1_000);
  const given = await Promise.all(Array.from({ length: 30 }, () => session.getToken()));
  assert.ok(
    given.every(({ accessToken }) => accessToken === "first"),
    "it still counts",
  );
  while ((await session.getToken()).accessToken === "first") {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal((await session.getHeaders()).authorization, "Bearer access-1");
  assert.equal(session.idToken, "id-1");
  assert.equal(server.asked.length, 1);
});

test("a session without an access token refreshes at the first call, and follows a rotated token", async (t) => {
  const { server, clock, refresher } = await open(t, tokens({ RefreshToken: "the-next-one" }));
  const session = new CognitoSession({ refresher, refreshToken, clock });
  await Promise.all(Array.from({ length: 20 }, () => session.getToken()));
  assert.equal(server.asked.length, 1);
  assert.equal(session.refreshToken, "the-next-one");
  clock.advanceMs(3_600_000);
  await session.getToken();
  const sent = server.asked.map(({ text }) => JSON.parse(text).AuthParameters.REFRESH_TOKEN);
  assert.deepEqual(sent, [refreshToken, "the-next-one"]);
  server.answerWith(() => ({ status: 400, body: { __type: "NotAuthorizedException" } }));
  clock.advanceMs(3_600_000);
  assert.equal((await failureOf(session.getToken())).code, "refresh_token_invalid");
});

test("neither a refresher nor a session tells what it holds", async (t) => {
  const { refresher } = await open(t, tokens(), { clientSecret: "very secret" });
  const session = new CognitoSession({ refresher, refreshToken });
  for (const value of [refresher, session]) {
    const told = inspect(value, { depth: 9, showHidden: true }) + JSON.stringify(value);
    assert.ok(!told.includes("very secret") && !told.includes(refreshToken), told);
  }
});
