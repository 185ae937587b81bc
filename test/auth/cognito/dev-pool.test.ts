/** Client credentials and refreshing at the development pool, as at Amazon's. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CognitoIdentityProviderClient,
  InitiateAuthCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { secretHashOf } from "../../../src/auth/cognito/initiate-auth.ts";
import { startDevIssuer, type DevIssuer } from "../../../src/cli/dev-issuer/start.ts";
import {
  AuthenticationError,
  CognitoClientCredentialsAuthenticator,
  CognitoJwtAuthorizer,
  CognitoRefresher,
  CognitoSession,
  type CognitoRefresherOptions,
} from "../../../src/providers.ts";

const PASSWORD = "Str0ng-enough!";
const EMAIL = "ann@dev.example";

let issuer: DevIssuer;
let cognito: CognitoIdentityProviderClient;
let authorizer: CognitoJwtAuthorizer;
before(async () => {
  issuer = await startDevIssuer({ port: 0, users: [{ email: EMAIL, password: PASSWORD }] });
  const credentials = { accessKeyId: "none", secretAccessKey: "none" };
  cognito = new CognitoIdentityProviderClient({
    region: issuer.region,
    endpoint: issuer.url,
    credentials,
  });
  authorizer = new CognitoJwtAuthorizer({
    userPoolId: issuer.poolId,
    endpoint: issuer.url,
    clientIds: [issuer.clientId, issuer.publicClientId],
  });
});
after(async () => {
  cognito?.destroy();
  authorizer?.close();
  await issuer?.stop();
});

/** Signs in with Amazon's own client; the refresh token. */
async function signIn(clientId: string, secret?: string): Promise<string> {
  const hash = secret === undefined ? {} : { SECRET_HASH: secretHashOf(secret, EMAIL, clientId) };
  const { AuthenticationResult: result } = await cognito.send(
    new InitiateAuthCommand({
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: clientId,
      AuthParameters: { USERNAME: EMAIL, PASSWORD, ...hash },
    }),
  );
  return result!.RefreshToken!;
}

const refresherOf = (options: Partial<CognitoRefresherOptions>) =>
  new CognitoRefresher({
    userPoolId: issuer.poolId,
    endpoint: issuer.url,
    clientId: issuer.publicClientId,
    ...options,
  });
const confidential = () => ({ clientId: issuer.clientId, clientSecret: issuer.clientSecret });

test("a machine gets a token of the pool, which verifies; narrower ones too", async () => {
  const provider = new CognitoClientCredentialsAuthenticator({
    ...confidential(),
    cognitoDomain: issuer.url,
    scope: "brigade/read brigade/write",
  });
  const claims = await authorizer.verify((await provider.getToken()).accessToken);
  assert.deepEqual([claims.sub, claims.aud], [issuer.clientId, issuer.clientId]);
  const narrow = await provider.narrowed({ scope: "brigade/read" }).getToken();
  const { payload } = await authorizer.verify(narrow.accessToken);
  assert.equal(payload["scope"], "brigade/read");
});

test("an outage of the pool is waited out, or told; other programs do not wait for it", async () => {
  const make = () =>
    new CognitoClientCredentialsAuthenticator({
      ...confidential(),
      cognitoDomain: issuer.url,
      pause: async () => undefined,
    });
  issuer.fault({ target: "/oauth2/token", kind: "status", status: 503, count: 2 });
  assert.equal((await make().getToken()).tokenType, "Bearer");
  issuer.fault({ target: "/oauth2/token", kind: "refuse", count: 1 });
  assert.equal((await make().getToken()).tokenType, "Bearer");
  issuer.fault({ target: "/oauth2/token", kind: "garbage", count: 1 });
  await assert.rejects(
    make().getToken(),
    (error) => error instanceof AuthenticationError && error.code === "issuer_answer_invalid",
  );
  issuer.clearFaults();
});

test("users of every kind of client are refreshed in the way of that client", async () => {
  const cases: [string, string | undefined, CognitoRefresher, string | undefined][] = [
    [issuer.publicClientId, undefined, refresherOf({}), undefined],
    [issuer.clientId, issuer.clientSecret, refresherOf(confidential()), issuer.users[0]!.sub],
    [
      issuer.clientId,
      issuer.clientSecret,
      refresherOf({ ...confidential(), cognitoDomain: issuer.url }),
      undefined,
    ],
  ];
  for (const [clientId, secret, refresher, username] of cases) {
    const refreshToken = await signIn(clientId, secret);
    const tokens = await refresher.refresh({ refreshToken, username });
    const claims = await authorizer.verify(tokens.accessToken);
    assert.deepEqual([claims.sub, claims.aud], [issuer.users[0]!.sub, clientId]);
    assert.ok(tokens.idToken !== undefined);
  }
});

test("after everybody was signed out the session is over", async () => {
  const session = new CognitoSession({
    refresher: refresherOf({}),
    refreshToken: await signIn(issuer.publicClientId),
  });
  const token = await session.getToken();
  assert.equal((await authorizer.verify(token.accessToken)).sub, issuer.users[0]!.sub);
  issuer.signEverybodyOut();
  const again = new CognitoSession({
    refresher: refresherOf({}),
    refreshToken: session.refreshToken,
  });
  await assert.rejects(
    again.getToken(),
    (error) => error instanceof AuthenticationError && error.code === "refresh_token_invalid",
  );
});
