import assert from "node:assert/strict";
import { test } from "node:test";
import {
  authConfigFromEnv,
  AuthenticationError,
  AuthNToken,
  AuthZTokenClaims,
  ConfigurationError,
  createCognitoAuthenticator,
  createCognitoAuthorizer,
  createCognitoRefresher,
  StaticAuthNProvider,
  StaticAuthZProvider,
  toAuthenticationAnswer,
  TokenExpiredError,
  verifyAuthorizationHeader,
  type AuthNProvider,
  type AuthZProvider,
} from "../../../src/providers.ts";
import { createManualClock } from "../../support/clock.ts";
import { goodToken, startTokenServer } from "../../support/token-server.ts";

const ana = new AuthZTokenClaims({
  sub: "ana",
  iss: "https://issuer.example",
  aud: "app",
  exp: 4_000_000_000,
  iat: 1_700_000_000,
  groups: ["cooks"],
});

test("a token knows its end, and whether that is over", () => {
  const clock = createManualClock();
  const token = new AuthNToken({ accessToken: "a", expiresIn: 60 }, clock);
  assert.equal(token.tokenType, "Bearer");
  assert.equal(token.expiresAt.getTime() - token.issuedAt.getTime(), 60_000);
  clock.advanceMs(59_999);
  assert.equal(token.isExpired, false);
  clock.advanceMs(1);
  assert.equal(token.isExpired, true);
});

test("claims know whether their token is over; groups and email are optional", () => {
  const clock = createManualClock();
  const fields = { sub: "s", iss: "i", aud: "a", exp: clock.nowSeconds() + 10, iat: 1 };
  const claims = new AuthZTokenClaims(fields, clock);
  assert.deepEqual([claims.email, claims.groups, claims.isExpired], [undefined, [], false]);
  clock.advanceMs(10_000);
  assert.equal(claims.isExpired, true);
  assert.equal(claims.with({ more: true }).isExpired, true);
});

test("static providers take the place of real ones", async () => {
  const authn: AuthNProvider = new StaticAuthNProvider("mock-token");
  assert.equal((await authn.getToken()).accessToken, "mock-token");
  assert.deepEqual((await authn.getHeaders()).toObject(), {
    Authorization: "Bearer mock-token",
    "Content-Type": "application/json",
  });
  const authz: AuthZProvider = new StaticAuthZProvider({ good: ana });
  assert.equal(await authz.verify("good"), ana);
  await assert.rejects(authz.verify("bad"), AuthenticationError);
  await assert.rejects(authz.verify("__proto__"), AuthenticationError);
});

test("a header becomes claims; whatever is wrong with it is one 401 that does not say why", async () => {
  const provider = new StaticAuthZProvider({ good: ana });
  for (const header of ["Bearer good", "bearer good"]) {
    assert.equal(await verifyAuthorizationHeader(provider, header), ana);
  }
  const expired: AuthZProvider = { verify: () => Promise.reject(new TokenExpiredError()) };
  const cases: [AuthZProvider, string | undefined][] = [
    [provider, undefined],
    [provider, ""],
    [provider, "good"],
    [provider, "Basic good"],
    [provider, "Bearer "],
    [provider, "Bearer bad"],
    [provider, "Bearer good, Bearer good"],
    [expired, "Bearer good"],
  ];
  for (const [one, header] of cases) {
    await assert.rejects(verifyAuthorizationHeader(one, header), (error) => {
      assert.ok(error instanceof AuthenticationError);
      assert.equal(error.message, "Invalid token");
      assert.deepEqual(toAuthenticationAnswer(error), {
        status: 401,
        headers: { "www-authenticate": 'Bearer error="invalid_token"' },
        body: { detail: "Invalid token" },
      });
      return true;
    });
  }
});

test("an issuer that cannot be asked is 503, and a bug is nobody's bad token", async () => {
  const away: AuthZProvider = {
    verify: () =>
      Promise.reject(
        new AuthenticationError("away", { code: "issuer_unavailable", retryAfterSeconds: 7 }),
      ),
  };
  await assert.rejects(verifyAuthorizationHeader(away, "Bearer x"), (error) => {
    const answer = toAuthenticationAnswer(error)!;
    assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "7"]);
    return true;
  });
  const broken: AuthZProvider = { verify: () => Promise.reject(new TypeError("a bug")) };
  await assert.rejects(verifyAuthorizationHeader(broken, "Bearer x"), TypeError);
  assert.equal(toAuthenticationAnswer(new TypeError("a bug")), undefined);
});

const ENV = {
  COGNITO_USER_POOL_ID: "us-east-1_Abc123",
  COGNITO_CLIENT_ID: "app, other",
  COGNITO_CLIENT_SECRET: "very secret",
  COGNITO_DOMAIN: "menu.auth.us-east-1.amazoncognito.com",
  COGNITO_REGION: "us-east-1",
  COGNITO_DEFAULT_SCOPE: "orders/read orders/write",
};

test("the environment, and a program, say the same things", async () => {
  const config = authConfigFromEnv(ENV);
  assert.deepEqual(config, {
    cognitoUserPoolId: "us-east-1_Abc123",
    cognitoClientId: "app, other",
    cognitoClientSecret: "very secret",
    cognitoDomain: "menu.auth.us-east-1.amazoncognito.com",
    cognitoRegion: "us-east-1",
    cognitoDefaultScope: "orders/read orders/write",
    cognitoEndpoint: undefined,
  });
  createCognitoAuthorizer(config).close();
  createCognitoRefresher(config);
  const server = await startTokenServer(goodToken());
  const provider = createCognitoAuthenticator({ ...config, cognitoDomain: server.url });
  await provider.getToken();
  await server.stop();
  assert.equal(server.asked[0]!.form["scope"], "orders/read orders/write");
  assert.equal(
    Buffer.from(server.asked[0]!.authorization!.slice(6), "base64").toString(),
    "app:very+secret",
  );
});

test("what is missing or wrong is named, without its value", () => {
  const broken = { ...ENV, COGNITO_REGION: "nowhere very secret" };
  assert.throws(
    () => authConfigFromEnv(broken),
    (error) =>
      error instanceof ConfigurationError &&
      /COGNITO_REGION/.test(error.message) &&
      !/very secret/.test(error.message),
  );
  assert.throws(() => authConfigFromEnv({}), ConfigurationError);
  for (const missing of ["cognitoClientId", "cognitoClientSecret", "cognitoDomain"]) {
    const config = { ...authConfigFromEnv(ENV), [missing]: undefined };
    assert.throws(() => createCognitoAuthenticator(config), new RegExp(missing));
  }
});
