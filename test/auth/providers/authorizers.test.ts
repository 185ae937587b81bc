import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  AuthenticationError,
  AuthZTokenClaims,
  CognitoJwtAuthorizer,
  ConfigurationError,
  needsGroup,
  OidcAuthorizer,
  TokenExpiredError,
  TokenValidationError,
  withChecks,
  type AuthZProvider,
  type CognitoJwtAuthorizerOptions,
} from "../../../src/providers.ts";
import { startDevIssuer, type DevIssuer } from "../../../src/cli/dev-issuer/start.ts";
import { closedPort } from "../../support/token-server.ts";

const PASSWORD = "Str0ng-enough!";

let issuer: DevIssuer;
let authorizer: CognitoJwtAuthorizer;
before(async () => {
  issuer = await startDevIssuer({
    port: 0,
    pools: ["us-east-1_First", "us-east-1_Second"],
    users: [
      { email: "ann@dev.example", password: PASSWORD, groups: ["admin", "cooks"] },
      { email: "bob@dev.example", password: PASSWORD, groups: ["cooks"] },
    ],
  });
  authorizer = makeAuthorizer();
});
after(() => issuer?.stop());

const makeAuthorizer = (options: Partial<CognitoJwtAuthorizerOptions> = {}) =>
  new CognitoJwtAuthorizer({
    userPoolId: issuer.poolId,
    region: issuer.region,
    endpoint: issuer.url,
    clientIds: [issuer.clientId, issuer.publicClientId],
    ...options,
  });

const refusedAs = (reason: string) => (error: unknown) =>
  error instanceof TokenValidationError &&
  error instanceof AuthenticationError &&
  error.code === "token_invalid" &&
  error.reason === reason;

test("an access token of the pool tells who holds it and their groups", async () => {
  const claims = await authorizer.verify(await issuer.token({ user: "ann@dev.example" }));
  const ann = issuer.users.find(({ email }) => email === "ann@dev.example")!;
  assert.ok(claims instanceof AuthZTokenClaims);
  assert.deepEqual(
    [claims.sub, claims.iss, claims.aud, [...claims.groups].toSorted(), claims.isExpired],
    [ann.sub, issuer.issuer, issuer.clientId, ["admin", "cooks"], false],
  );
  assert.ok(claims.exp > claims.iat);
  assert.equal(claims.payload["token_use"], "access");
});

test("an ID token is accepted only where that is asked for", async () => {
  const token = await issuer.token({ user: "ann@dev.example", use: "id" });
  await assert.rejects(authorizer.verify(token), refusedAs("token_use"));
  const both = makeAuthorizer({ tokenUse: ["access", "id"] });
  const claims = await both.verify(token);
  assert.deepEqual([claims.email, claims.aud], ["ann@dev.example", issuer.clientId]);
  assert.equal((await both.verify(await issuer.token())).payload["token_use"], "access");
  both.close();
});

test("an expired token is told from one that is not good", async () => {
  const lapsed = { iat: Math.floor(Date.now() / 1000) - 100, auth_time: null };
  const expired = await issuer.token({ seconds: -10, claims: lapsed });
  await assert.rejects(authorizer.verify(expired), (error) => {
    assert.ok(error instanceof TokenExpiredError && error instanceof AuthenticationError);
    assert.equal(error.code, "token_expired");
    return true;
  });
  const forged = `${expired.slice(0, -4)}${expired.endsWith("AAAA") ? "BBBA" : "AAAA"}`;
  await assert.rejects(authorizer.verify(forged), refusedAs("signature"));
});

test("whatever is wrong with a token is a refusal that names its reason for the log only", async () => {
  const good = await issuer.token();
  const [header, payload, signature] = good.split(".") as [string, string, string];
  const other = await issuer.token({ pool: "us-east-1_Second" });
  const cases: [string, string][] = [
    ["", "shape"],
    ["a.b", "shape"],
    [`${header}.${payload}`, "shape"],
    [`${header}.${payload}.${signature}=`, "base64url"],
    [`${header}.${payload}.${signature.slice(0, -8)}AAAAAAAA`, "base64url"],
    ["x".repeat(20_000), "length"],
    [other, "iss"],
    [await issuer.token({ clientId: "anotherclient" }), "client_id"],
    [await issuer.token({ claims: { sub: null } }), "sub"],
    [await issuer.token({ claims: { exp: null } }), "exp"],
    [await issuer.token({ seconds: 100_000 }), "lifetime"],
    [await issuer.token({ claims: { iat: Math.floor(Date.now() / 1000) + 3_000 } }), "iat"],
  ];
  for (const [token, reason] of cases) {
    await assert.rejects(authorizer.verify(token), (error) => {
      assert.ok(error instanceof TokenValidationError, String(error));
      if (reason !== "base64url") assert.equal(error.reason, reason, token);
      assert.equal(error.message, "The token is not valid");
      assert.equal(error.status, 401);
      return true;
    });
  }
});

test("a key that came up since is found, and one that is withdrawn is not asked for at each token", async () => {
  const one = makeAuthorizer();
  await one.verify(await issuer.token());
  await issuer.rotateKeys();
  const rotated = await issuer.token();
  const claims = await Promise.all(Array.from({ length: 20 }, () => one.verify(rotated)));
  assert.equal(claims.length, 20);
  const asked = issuer.requestCount(`/${issuer.poolId}/.well-known/jwks.json`);
  for (let n = 0; n < 50; n++) {
    const header = Buffer.from(`{"alg":"RS256","kid":"forged-${n}"}`).toString("base64url");
    const forged = `${header}.${rotated.split(".")[1]}.${"A".repeat(342)}`;
    one.verify(forged).catch(() => undefined);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  const more = issuer.requestCount(`/${issuer.poolId}/.well-known/jwks.json`) - asked;
  assert.ok(more <= 1, `${more} more requests`);
  one.close();
});

test("two providers of different pools work side by side", async () => {
  const second = issuer.pools[1]!;
  const other = makeAuthorizer({ userPoolId: second.id, clientIds: second.clients[0]!.id });
  const [ofFirst, ofSecond] = [await issuer.token(), await issuer.token({ pool: second.id })];
  assert.equal((await other.verify(ofSecond)).iss, second.issuer);
  assert.equal((await authorizer.verify(ofFirst)).iss, issuer.issuer);
  await assert.rejects(other.verify(ofFirst), refusedAs("iss"));
  await assert.rejects(authorizer.verify(ofSecond), refusedAs("iss"));
  other.close();
});

test("an issuer that is away is nobody's bad token", async () => {
  const url = `http://127.0.0.1:${await closedPort()}`;
  const away = makeAuthorizer({ endpoint: url });
  const token = await issuer.token({ claims: { iss: `${url}/${issuer.poolId}` } });
  await assert.rejects(away.verify(token), (error) => {
    assert.ok(error instanceof AuthenticationError);
    assert.deepEqual([error.code, error.status], ["issuer_unavailable", 503]);
    return true;
  });
  assert.deepEqual(away.stats(), {
    issuer: `${url}/${issuer.poolId}`,
    verified: 0,
    refused: 0,
    unavailable: 1,
  });
  away.close();
});

test("any other issuer is found by discovery", async () => {
  // A Cognito pool is an OpenID provider, too; its ID tokens have an audience.
  const one = new OidcAuthorizer({
    issuer: issuer.issuer,
    audiences: issuer.clientId,
    groupClaims: ["cognito:groups"],
    types: ["", "jwt"],
  });
  const token = await issuer.token({ user: "bob@dev.example", use: "id" });
  const claims = await one.verify(token);
  assert.deepEqual([claims.email, claims.groups], ["bob@dev.example", ["cooks"]]);
  await assert.rejects(
    one.verify(await issuer.token({ use: "id", clientId: "x" })),
    refusedAs("aud"),
  );
  assert.equal(one.stats().verified, 1);
  one.close();
});

class KitchenAuthorizer extends CognitoJwtAuthorizer {
  override async verify(token: string) {
    const claims = await super.verify(token);
    if (!claims.groups.includes("admin")) throw new AuthenticationError("Admin access required");
    return claims.with({ kitchen: "main" });
  }
}

test("an authorizer can be extended: its own check first, then more, and more claims", async () => {
  const kitchen = new KitchenAuthorizer({
    userPoolId: issuer.poolId,
    endpoint: issuer.url,
    clientIds: issuer.clientId,
  });
  const claims = await kitchen.verify(await issuer.token({ user: "ann@dev.example" }));
  assert.deepEqual([claims.kitchen, claims.groups.includes("admin")], ["main", true]);
  await assert.rejects(
    kitchen.verify(await issuer.token({ user: "bob@dev.example" })),
    /Admin access required/,
  );
  await assert.rejects(kitchen.verify("garbage"), TokenValidationError);
  kitchen.close();
});

test("any provider can be wrapped: checks, claims, and refusals", async () => {
  const provider: AuthZProvider<AuthZTokenClaims & { readonly kitchen: string }> = withChecks(
    withChecks(authorizer, needsGroup("admin", "owner")),
    async (claims) => ({ kitchen: `kitchen of ${claims.email ?? claims.sub}` }),
  );
  const ann = await issuer.token({ user: "ann@dev.example" });
  assert.match((await provider.verify(ann)).kitchen, /^kitchen of /);
  await assert.rejects(
    provider.verify(await issuer.token({ user: "bob@dev.example" })),
    (error) => error instanceof AuthenticationError && error.status === 401,
  );
  let isAsked = false;
  const never = withChecks(authorizer, () => void (isAsked = true));
  await assert.rejects(never.verify("garbage"), TokenValidationError);
  assert.equal(isAsked, false, "the token is verified first");
});

test("added claims replace nothing that the issuer signed", async () => {
  const claims = await authorizer.verify(await issuer.token());
  for (const name of ["sub", "iss", "groups", "payload", "isExpired", "with", "constructor"]) {
    assert.throws(() => claims.with({ [name]: "forged" }), ConfigurationError, name);
  }
  const more = claims.with({ one: 1 }).with({ two: 2 });
  assert.deepEqual([more.one, more.two, more.sub], [1, 2, claims.sub]);
  assert.ok(Object.isFrozen(more) && Object.isFrozen(claims) && Object.isFrozen(claims.groups));
});

test("what cannot work is said when an authorizer is made", () => {
  const broken: Partial<Record<keyof CognitoJwtAuthorizerOptions, unknown>>[] = [
    { userPoolId: "" },
    { clientIds: [] },
    { clientIds: undefined },
    { clientIds: [""] },
    { endpoint: "http://far.example" },
    { endpoint: "nowhere" },
    { toleranceSeconds: 61 },
    { algorithms: ["none"] },
    { algorithms: ["HS256"] },
  ];
  for (const options of broken) {
    const make = () => makeAuthorizer(options as Partial<CognitoJwtAuthorizerOptions>);
    assert.throws(make, ConfigurationError, JSON.stringify(options));
  }
});
