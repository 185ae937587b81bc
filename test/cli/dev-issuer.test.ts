/** `brigade dev-issuer` over HTTP: tokens, keys, controls, faults, and whom it does not serve. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { CognitoJwtVerifier, JwtRsaVerifier } from "aws-jwt-verify";
import { createLocalJWKSet, createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import * as oauth from "openid-client";
import { startDevIssuer, type DevIssuer } from "../../src/cli/dev-issuer/start.ts";
import { ConfigError } from "../../src/platform/config.ts";
import { findProductionSigns } from "../../src/platform/production-signs.ts";

const ANN = "ann@dev.example";
let issuer: DevIssuer;

before(async () => {
  issuer = await startDevIssuer({
    port: 0,
    pools: ["us-east-1_DevPool1", "eu-west-1_Second"],
    users: [{ email: ANN, groups: ["chefs"] }],
  });
});
after(() => issuer.stop());

interface Answer {
  readonly status: number;
  readonly body: Record<string, any>;
  readonly headers: Headers;
}

async function answerOf(reply: Response): Promise<Answer> {
  const text = await reply.text();
  return { status: reply.status, body: JSON.parse(text), headers: reply.headers };
}

const basic = (id: string, secret: string) =>
  `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`;

async function askToken(
  form: Record<string, string> | [string, string][],
  authorization?: string,
): Promise<Answer> {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const body = new URLSearchParams(form);
  return await answerOf(await fetch(issuer.tokenEndpoint, { method: "POST", headers, body }));
}

async function control(method: string, path: string, body?: object, token = issuer.controlToken) {
  return await answerOf(
    await fetch(`${issuer.url}/control/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
}

const act = async (action: string, body: object, base = issuer.url): Promise<Answer> =>
  await answerOf(
    await fetch(base, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `AWSCognitoIdentityProviderService.${action}`,
      },
      body: JSON.stringify(body),
    }),
  );

const signIn = async (): Promise<Record<string, string>> =>
  (
    await act("InitiateAuth", {
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: issuer.publicClientId,
      AuthParameters: { USERNAME: ANN, PASSWORD: issuer.users[0]!.password },
    })
  ).body["AuthenticationResult"];

const verify = (token: string, currentDate = new Date()) =>
  jwtVerify(token, createRemoteJWKSet(new URL(issuer.jwksUri)), {
    issuer: issuer.issuer,
    algorithms: ["RS256"],
    currentDate,
  });

test("openid-client gets client credentials by discovery, and narrower ones", async () => {
  const client = await oauth.discovery(
    new URL(issuer.issuer),
    issuer.clientId,
    undefined,
    oauth.ClientSecretBasic(issuer.clientSecret),
    { execute: [oauth.allowInsecureRequests] },
  );
  assert.equal(client.serverMetadata().issuer, issuer.issuer);
  const all = await oauth.clientCredentialsGrant(client);
  const { payload, protectedHeader } = await verify(all.access_token);
  const { iat, jti, ...claims } = payload;
  assert.ok(jti);
  assert.deepEqual(claims, {
    sub: issuer.clientId,
    client_id: issuer.clientId,
    token_use: "access",
    scope: "brigade/read brigade/write",
    iss: issuer.issuer,
    auth_time: iat,
    exp: iat! + 3600,
    version: 2,
  });
  assert.equal(protectedHeader.typ, undefined);
  const narrow = await oauth.clientCredentialsGrant(client, { scope: "brigade/read" });
  assert.equal(decodeJwt(narrow.access_token)["scope"], "brigade/read");
  const signedIn = await signIn();
  await assert.rejects(
    oauth.refreshTokenGrant(client, signedIn["RefreshToken"]!),
    /invalid_grant|error/,
  );
});

test("the token endpoint refreshes for the client that signed in, and Cognito's errors are 400", async () => {
  const { RefreshToken, AccessToken } = await signIn();
  const form = {
    grant_type: "refresh_token",
    client_id: issuer.publicClientId,
    refresh_token: RefreshToken!,
  };
  const { status, body, headers } = await askToken(form);
  assert.deepEqual([status, headers.get("cache-control")], [200, "no-store"]);
  assert.deepEqual(Object.keys(body).toSorted(), [
    "access_token",
    "expires_in",
    "id_token",
    "token_type",
  ]);
  assert.equal(
    decodeJwt(body["access_token"])["origin_jti"],
    decodeJwt(AccessToken!)["origin_jti"],
  );
  const secret = issuer.clientSecret;
  const credentials = { grant_type: "client_credentials" };
  const posted = { client_id: issuer.clientId, client_secret: secret };
  const cases: [string, Answer][] = [
    ["", await askToken({ ...credentials, ...posted })],
    ["invalid_client", await askToken({ ...credentials, ...posted, client_secret: "wrong" })],
    ["invalid_client", await askToken({ ...credentials, client_id: issuer.clientId })],
    ["invalid_client", await askToken(credentials, basic(issuer.clientId, `${secret}x`))],
    ["invalid_client", await askToken(credentials, basic("nobody", ""))],
    ["invalid_client", await askToken(credentials, "Bearer x")],
    ["invalid_request", await askToken(credentials)],
    ["invalid_request", await askToken(posted)],
    [
      "invalid_request",
      await askToken([...Object.entries({ ...credentials, ...posted }), ["client_id", "x"]]),
    ],
    ["unsupported_grant_type", await askToken({ ...posted, grant_type: "password" })],
    ["invalid_scope", await askToken({ ...credentials, ...posted, scope: "brigade/read other/x" })],
    ["unauthorized_client", await askToken({ ...credentials, client_id: issuer.publicClientId })],
    ["invalid_grant", await askToken({ ...form, refresh_token: "none" })],
    ["invalid_grant", await askToken({ ...form, ...posted })],
  ];
  for (const [error, answer] of cases) {
    assert.equal(answer.status, error === "" ? 200 : 400, error);
    if (error !== "") assert.deepEqual(answer.body, { error });
  }
});

test("a refresh token is taken back at the revocation endpoint", async () => {
  const { RefreshToken } = await signIn();
  const client_id = issuer.publicClientId;
  const reply = await fetch(`${issuer.url}/oauth2/revoke`, {
    method: "POST",
    body: new URLSearchParams({ token: RefreshToken!, client_id }),
  });
  assert.equal(reply.status, 200);
  const again = { grant_type: "refresh_token", client_id, refresh_token: RefreshToken! };
  assert.deepEqual((await askToken(again)).body, { error: "invalid_grant" });
});

test("aws-jwt-verify accepts the tokens by issuer and keys, and by pool those of Amazon's address", async () => {
  const jwks = (await answerOf(await fetch(issuer.jwksUri))).body as any;
  const { AccessToken, IdToken } = await signIn();
  // It asks by https alone, so it is given the keys.
  const options = { issuer: issuer.issuer, jwksUri: issuer.jwksUri.replace("http:", "https:") };
  const byIssuer = JwtRsaVerifier.create({ ...options, audience: null });
  byIssuer.cacheJwks(jwks);
  assert.equal((await byIssuer.verify(AccessToken!)).sub, issuer.users[0]!.sub);
  const ids = JwtRsaVerifier.create({ ...options, audience: issuer.publicClientId });
  ids.cacheJwks(jwks);
  assert.equal((await ids.verify(IdToken!))["email"], ANN);
  // It works the issuer out of the pool's id: such a token has to be minted.
  const byPool = CognitoJwtVerifier.create({
    userPoolId: issuer.poolId,
    tokenUse: "access",
    clientId: issuer.clientId,
    groups: ["chefs"],
  });
  byPool.cacheJwks(jwks);
  const iss = `https://cognito-idp.${issuer.region}.amazonaws.com/${issuer.poolId}`;
  const minted = await issuer.token({ user: ANN, claims: { iss } });
  assert.equal((await byPool.verify(minted)).username, issuer.users[0]!.sub);
});

test("each pool has its own keys, clients and users", async () => {
  const [first, second] = issuer.pools;
  assert.equal(second!.issuer, `${issuer.url}/eu-west-1_Second`);
  const kids = await Promise.all(
    [first!, second!].map(async ({ issuer: name }) => {
      const { body } = await answerOf(await fetch(`${name}/.well-known/jwks.json`));
      return (body["keys"] as { kid: string }[]).map(({ kid }) => kid);
    }),
  );
  assert.equal(new Set(kids.flat()).size, 4);
  const { status, body } = await act("AdminGetUser", {
    UserPoolId: second!.id,
    Username: ANN,
  });
  assert.deepEqual([status, body["__type"]], [400, "UserNotFoundException"]);
  assert.notEqual(second!.clients[0]!.id, issuer.clientId);
});

test("after a rotation the old key still verifies, until it is retired", async () => {
  const before = await issuer.token({ user: ANN });
  const shown = await issuer.rotateKeys({ publishOnly: true });
  assert.equal(shown.length, 4);
  const still = await issuer.token({ user: ANN });
  const kidOf = (token: string) => JSON.parse(atob(token.split(".")[0]!)).kid as string;
  assert.equal(kidOf(still), kidOf(before));
  // The keys that were shown are the ones that sign now: no third pair is made.
  assert.deepEqual(await issuer.rotateKeys(), shown);
  const next = await issuer.token({ user: ANN });
  assert.notEqual(kidOf(next), kidOf(before));
  assert.ok(shown.includes(kidOf(next)));
  await verify(before);
  await verify(next);
  const { AccessToken } = await signIn();
  assert.equal(issuer.retireKeys().length, 2);
  await assert.rejects(verify(before), /no applicable key/);
  await verify(next);
  const { body } = await control("POST", "keys/rotate", { retire: true });
  assert.equal(body["kids"].length, 2);
  await assert.rejects(verify(next), /no applicable key/);
  // Also for the pool itself a key that is gone is gone.
  const self = await act("GetUser", { AccessToken });
  assert.deepEqual(self.body["message"], "Invalid Access Token");
});

test("the clock decides what is issued and what has expired", async (t) => {
  t.after(() => issuer.setClock(0));
  const signedIn = await signIn();
  const before = decodeJwt(signedIn["AccessToken"]!);
  assert.equal((await control("POST", "clock", { offsetSeconds: 7200 })).status, 200);
  const { AccessToken } = await signIn();
  const later = decodeJwt(AccessToken!);
  const ahead = later.iat! - before.iat!;
  assert.ok(ahead >= 7200 && ahead < 7300, String(ahead));
  const self = await act("GetUser", { AccessToken: signedIn["AccessToken"] });
  assert.equal(self.body["message"], "Access Token has expired");
  issuer.setClock(31 * 86_400);
  const { body } = await act("InitiateAuth", {
    AuthFlow: "REFRESH_TOKEN_AUTH",
    ClientId: issuer.publicClientId,
    AuthParameters: { REFRESH_TOKEN: signedIn["RefreshToken"] },
  });
  assert.equal(body["message"], "Refresh Token has expired");
});

test("faults hit what they name, as often as they say", async (t) => {
  t.after(() => issuer.clearFaults());
  issuer.fault({ target: "jwks.json", kind: "refuse" });
  assert.equal((await fetch(issuer.jwksUri)).status, 200, "a path begins with a slash");
  issuer.clearFaults();
  issuer.fault({ target: "/jwks.json", kind: "refuse", count: 2 });
  await assert.rejects(fetch(issuer.jwksUri));
  await assert.rejects(fetch(issuer.jwksUri));
  assert.equal((await fetch(issuer.jwksUri)).status, 200);
  issuer.fault({
    target: "GetUser",
    kind: "status",
    status: 429,
    error: "TooManyRequestsException",
  });
  const { status, body, headers } = await act("GetUser", {});
  assert.deepEqual(
    [status, body["__type"], headers.get("x-amzn-errortype")],
    [429, "TooManyRequestsException", "TooManyRequestsException"],
  );
  assert.equal((await act("GetUser", {})).body["__type"], "InvalidParameterException");
  issuer.fault({ target: "/oauth2/token", kind: "garbage" });
  await assert.rejects(askToken({}), SyntaxError);
  issuer.fault({ target: "*", kind: "hang" });
  await assert.rejects(
    fetch(`${issuer.url}/health`, { signal: AbortSignal.timeout(200) }),
    /abort/i,
  );
  await control("POST", "faults", { target: "/health", kind: "slow", delayMs: 300 });
  const startedMs = performance.now();
  assert.equal((await fetch(`${issuer.url}/health`)).status, 200);
  assert.ok(performance.now() - startedMs >= 290);
  const wrong = await control("POST", "faults", { target: "/health", kind: "explode" });
  assert.equal(wrong.status, 400);
  issuer.fault({ target: "/health", kind: "status" });
  await control("DELETE", "faults");
  assert.equal((await fetch(`${issuer.url}/health`)).status, 200);
});

test("a token is minted with any claims, and everybody is signed out", async () => {
  const { body } = await control("POST", "tokens", {
    user: ANN,
    use: "id",
    seconds: -60,
    claims: { "custom:roles": "iam:admin", email: null },
  });
  const claims = decodeJwt(body["token"]);
  assert.equal(claims["custom:roles"], "iam:admin");
  assert.ok(!("email" in claims));
  assert.ok(claims.exp! < Date.now() / 1000 - 30);
  const { AccessToken, RefreshToken } = await signIn();
  assert.ok((await control("POST", "sign-out")).body["ended"] >= 1);
  assert.equal(
    (await act("GetUser", { AccessToken })).body["message"],
    "Access Token has been revoked",
  );
  const form = { grant_type: "refresh_token", client_id: issuer.publicClientId };
  const again = await askToken({ ...form, refresh_token: RefreshToken! });
  assert.deepEqual(again.body, { error: "invalid_grant" });
  assert.ok((await control("GET", "requests")).body["InitiateAuth"] >= 1);
  assert.equal(
    issuer.requestCount("InitiateAuth"),
    (await control("GET", "requests")).body["InitiateAuth"],
  );
});

test("controls want the token that was shown at the start", async () => {
  for (const token of ["", "wrong", issuer.controlToken.slice(1)]) {
    const { status } = await control("POST", "keys/rotate", {}, token);
    assert.equal(status, 401);
  }
  const bare = await fetch(`${issuer.url}/control/tokens`, { method: "POST", body: "{}" });
  assert.equal(bare.status, 401);
  // What a page of another origin would have to ask first is answered with no permission.
  const preflight = await fetch(`${issuer.url}/control/tokens`, { method: "OPTIONS" });
  assert.equal(preflight.headers.get("access-control-allow-origin"), null);
  assert.equal((await control("POST", "explode")).status, 404);
});

test("a page that reaches this machine under another name gets nothing", async () => {
  const statusFor = (host: string, path: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { host, authorization: `Bearer ${issuer.controlToken}` };
      const asked = request(`${issuer.url}${path}`, { headers }, (reply) => {
        reply.resume();
        resolve(reply.statusCode!);
      });
      asked.once("error", reject).end();
    });
  const { port } = new URL(issuer.url);
  for (const path of ["/health", "/control/requests"]) {
    assert.equal(await statusFor(`evil.example:${port}`, path), 421);
    assert.equal(await statusFor("127.0.0.1", path), 421);
    assert.equal(await statusFor(`localhost:${port}`, path), 200);
  }
});

test("what is no request of Cognito's is refused, and too long ones are not read", async () => {
  const unknown = await act("AdminDoEverything", {});
  assert.deepEqual([unknown.status, unknown.body["__type"]], [400, "UnknownOperationException"]);
  assert.equal((await act("toString", {})).body["__type"], "UnknownOperationException");
  const plain = await fetch(issuer.url, {
    method: "POST",
    headers: { "x-amz-target": "AWSCognitoIdentityProviderService.ListUsers" },
    body: "{}",
  });
  assert.equal((await answerOf(plain)).body["__type"], "UnknownOperationException");
  for (const body of ["[]", "{", "null", "1"]) {
    const reply = await fetch(issuer.url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSCognitoIdentityProviderService.GetUser",
      },
      body,
    });
    assert.equal((await answerOf(reply)).body["__type"], "SerializationException", body);
  }
  const long = await act("GetUser", { AccessToken: "x".repeat(100_000) });
  assert.equal(long.status, 413);
  assert.equal((await fetch(`${issuer.url}/nowhere`)).status, 404);
  assert.equal((await fetch(`${issuer.url}/us-east-1_Other/.well-known/jwks.json`)).status, 404);
});

test("it does not start where anything looks like production", async (t) => {
  const signs = {
    NODE_ENV: "production",
    APP_ENV: " Prod ",
    ENVIRONMENT: "staging",
    AWS_EXECUTION_ENV: "AWS_ECS_FARGATE",
    AWS_LAMBDA_FUNCTION_NAME: "x",
    ECS_CONTAINER_METADATA_URI_V4: "http://169.254.170.2/v4/x",
    KUBERNETES_SERVICE_HOST: "10.0.0.1",
    RAILWAY_ENVIRONMENT: "x",
    RAILWAY_ENVIRONMENT_NAME: "x",
    RAILWAY_PROJECT_ID: "x",
    K_SERVICE: "x",
    WEBSITE_INSTANCE_ID: "x",
    DYNO: "web.1",
    FLY_APP_NAME: "x",
    RENDER_SERVICE_ID: "x",
    VERCEL_ENV: "preview",
  };
  for (const [name, value] of Object.entries(signs)) {
    await t.test(name, async () => {
      const before = process.env[name];
      process.env[name] = value;
      try {
        await assert.rejects(
          startDevIssuer({ port: 0 }).then((started) => started.stop()),
          (error) => error instanceof ConfigError && error.message.includes(name),
        );
      } finally {
        if (before === undefined) delete process.env[name];
        else process.env[name] = before;
      }
    });
  }
  assert.deepEqual(findProductionSigns({ NODE_ENV: "development", DYNO: "", PATH: "/bin" }), []);
});

test("the same users and clients have the same ids at each start, and other keys and secrets", async () => {
  const again = await startDevIssuer({ port: 0, users: [{ email: ANN }] });
  try {
    assert.equal(again.users[0]!.sub, issuer.users[0]!.sub);
    assert.deepEqual(
      [again.clientId, again.publicClientId],
      [issuer.clientId, issuer.publicClientId],
    );
    assert.notEqual(again.clientSecret, issuer.clientSecret);
    assert.notEqual(again.controlToken, issuer.controlToken);
    const foreign = await again.token({ user: ANN, claims: { iss: issuer.issuer } });
    const keys = (await answerOf(await fetch(issuer.jwksUri))).body as any;
    await assert.rejects(jwtVerify(foreign, createLocalJWKSet(keys)), /no applicable key/);
  } finally {
    await again.stop();
  }
});
