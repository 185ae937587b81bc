import assert from "node:assert/strict";
import { test } from "node:test";
import { foreignRules } from "../../../src/auth/issuers/foreign.ts";
import { validateClaims, type ClaimRules } from "../../../src/auth/token/claims.ts";
import { isTokenFault } from "../../../src/auth/token/fault.ts";
import type { JsonObject } from "../../../src/auth/token/json.ts";
import { cognitoIssuer, oidcIssuer } from "../../../src/platform/issuer-settings.ts";
import { foreignIssuerLimits } from "../../../src/platform/limits.ts";

const NOW = 1_800_000_000;
const POOL = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Abc";
const IDP = "https://idp.example";

const accessRules = foreignRules(
  cognitoIssuer({ userPoolId: "us-east-1_Abc", clientIds: ["app"] }),
);
const idRules = foreignRules(
  cognitoIssuer({ userPoolId: "us-east-1_Abc", clientIds: ["app"], tokenUses: ["id"] }),
);
const oidcRules = foreignRules(oidcIssuer({ issuer: IDP, audiences: ["api", "api2"] }));

const times = { iat: NOW - 10, exp: NOW + 3_590 };
const access: JsonObject = {
  iss: POOL,
  sub: "294f97cc-497b-8245-8d39-578bc2a00723",
  client_id: "app",
  token_use: "access",
  origin_jti: "family-1",
  jti: "token-1",
  scope: "aws.cognito.signin.user.admin",
  auth_time: NOW - 100,
  username: "ada",
  "cognito:groups": ["chefs", "admins"],
  ...times,
};
const { client_id: _client, ...rest } = access;
const id: JsonObject = { ...rest, aud: "app", token_use: "id", email: "ada@test.example" };
const oidc: JsonObject = { iss: IDP, sub: "auth0|1", aud: ["api", "other"], ...times };

function judge(claims: JsonObject, rules: ClaimRules, typ?: string) {
  const given = Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== undefined),
  );
  const token = { header: { alg: "RS256", kid: "k", typ }, payload: given as JsonObject };
  const claimsOrFault = validateClaims(token, rules, NOW);
  return isTokenFault(claimsOrFault) ? claimsOrFault.fault : claimsOrFault;
}

const faultOf = (claims: JsonObject, rules: ClaimRules, typ?: string) => {
  const outcome = judge(claims, rules, typ);
  return typeof outcome === "string" ? outcome : "good";
};

test("a Cognito access token is read with its client, family, groups and time of sign-in", () => {
  assert.deepEqual(judge(access, accessRules), {
    issuer: POOL,
    subject: access["sub"],
    audiences: [],
    expiresAt: times.exp,
    issuedAt: times.iat,
    tokenId: "token-1",
    clientId: "app",
    sessionId: "family-1",
    tenantId: undefined,
    deviceId: undefined,
    amr: [],
    authTime: NOW - 100,
    scope: "aws.cognito.signin.user.admin",
    groups: ["chefs", "admins"],
  });
});

test("an ID token counts where the settings ask for it, by its audience, and nowhere else", () => {
  const claims = judge(id, idRules);
  assert.ok(typeof claims !== "string");
  assert.deepEqual(claims.audiences, ["app"]);
  assert.equal(faultOf(id, accessRules), "token_use");
  assert.equal(faultOf(access, idRules), "token_use");
  const both = foreignRules(
    cognitoIssuer({
      userPoolId: "us-east-1_Abc",
      clientIds: ["app"],
      tokenUses: ["access", "id"],
    }),
  );
  assert.equal(faultOf(id, both), "good");
  assert.equal(faultOf(access, both), "good");
  // Each by its own claim: the other kind's does not stand in for it.
  assert.equal(faultOf({ ...id, aud: undefined, client_id: "app" }, both), "aud");
  assert.equal(faultOf({ ...access, client_id: undefined, aud: "app" }, both), "client_id");
});

test("any other use, client, issuer or form of a Cognito token is refused", () => {
  const cases: [string, JsonObject][] = [
    ...["refresh", "", "ACCESS", null, 1, ["access"], undefined].map(
      (use): [string, JsonObject] => ["token_use", { token_use: use as never }],
    ),
    ...["other", "APP", "", null, 1, ["app"], {}, undefined].map((client): [string, JsonObject] => [
      "client_id",
      { client_id: client as never },
    ]),
    ["iss", { iss: `${POOL}2` }],
    ["iss", { iss: "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other" }],
    ["sub", { sub: undefined as never }],
    ["cnf", { cnf: {} }],
    ["origin_jti", { origin_jti: 1 }],
    ["jti", { jti: "a".repeat(256) }],
    ["scope", { scope: ["a"] }],
    ["lifetime", { exp: times.iat + 86_401 }],
    ["iat", { iat: NOW + 6 }],
    ["nbf", { nbf: NOW + 6 }],
    ["expired", { exp: NOW }],
  ];
  for (const [fault, changes] of cases) {
    assert.equal(faultOf({ ...access, ...changes }, accessRules), fault, JSON.stringify(changes));
  }
  assert.equal(faultOf({ ...access, iat: NOW + 5, nbf: NOW + 5 }, accessRules), "good");
});

test("groups are a list of names, and of a pool's own claims a text with commas", () => {
  for (const groups of ["chefs", { 0: "chefs", length: 1 }, [1], [""], ["a\n"], null, [["a"]]]) {
    assert.equal(
      faultOf({ ...access, "cognito:groups": groups as never }, accessRules),
      "groups",
      JSON.stringify(groups),
    );
  }
  const many = Array.from({ length: foreignIssuerLimits.groupsMaxCount + 1 }, (_, n) => `g${n}`);
  assert.equal(faultOf({ ...access, "cognito:groups": many }, accessRules), "groups");
  const custom = foreignRules(
    cognitoIssuer({
      userPoolId: "us-east-1_Abc",
      clientIds: ["app"],
      groupClaims: ["cognito:groups", "custom:roles"],
    }),
  );
  const claims = judge({ ...access, "custom:roles": "chefs, cooks,,  " }, custom);
  assert.ok(typeof claims !== "string");
  assert.deepEqual(claims.groups, ["chefs", "admins", "cooks"]);
  assert.equal(faultOf({ ...access, "custom:roles": ["x"] }, custom), "groups");
  assert.equal(faultOf({ ...access, "custom:roles": many.join() }, custom), "groups");
});

test("an OIDC token is for one of the audiences, and of an accepted type", () => {
  assert.equal(faultOf(oidc, oidcRules), "good");
  for (const typ of ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt"]) {
    assert.equal(faultOf(oidc, oidcRules, typ), "good", typ);
  }
  for (const typ of ["id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "rt+jwt", " "]) {
    assert.equal(faultOf(oidc, oidcRules, typ), "typ", typ);
  }
  assert.equal(faultOf(access, accessRules, "at+jwt"), "typ");
  for (const aud of ["web", "", [], ["web"], [1, "api"], { api: 1 }, null, undefined, 1, "api "]) {
    assert.equal(faultOf({ ...oidc, aud: aud as never }, oidcRules), "aud", JSON.stringify(aud));
  }
  assert.equal(faultOf({ ...oidc, azp: 1 }, oidcRules), "azp");
});

test("who asked for the token is checked where the settings name somebody", () => {
  const rules = foreignRules(oidcIssuer({ issuer: IDP, audiences: ["api"], clientIds: ["web"] }));
  assert.equal(faultOf({ ...oidc, azp: "web" }, rules), "good");
  assert.equal(faultOf({ ...oidc, client_id: "web" }, rules), "good");
  assert.equal(faultOf(oidc, rules), "client_id");
  assert.equal(faultOf({ ...oidc, azp: "other" }, rules), "client_id");
  assert.equal(faultOf({ ...oidc, azp: "other", client_id: "web" }, rules), "azp", "one party");
  for (const client of [{ azp: "web" }, { client_id: "web" }, { azp: "web", client_id: "web" }]) {
    const claims = judge({ ...oidc, ...client }, rules);
    assert.ok(typeof claims !== "string");
    assert.equal(claims.clientId, "web", "whoever was checked is told");
  }
});

test("a token of somebody else in which one acts for another, or that tells of an event, is refused", () => {
  const event = { "http://schemas.openid.net/event/backchannel-logout": {} };
  const cases: [JsonObject, ClaimRules][] = [
    [oidc, oidcRules],
    [access, accessRules],
    [id, idRules],
  ];
  for (const [claims, rules] of cases) {
    assert.equal(faultOf(claims, rules), "good");
    for (const act of [{ sub: "somebody" }, {}, null, "somebody"]) {
      assert.equal(faultOf({ ...claims, act: act as never }, rules), "act");
    }
    assert.equal(faultOf({ ...claims, events: event }, rules), "typ", "a logout token without typ");
    for (const time of [NOW + 6, NOW * 1_000]) {
      assert.equal(faultOf({ ...claims, auth_time: time }, rules), "auth_time");
    }
    assert.equal(faultOf({ ...claims, auth_time: NOW + 5 }, rules), "good");
  }
  for (const aud of [[1], [["app"]], {}, null, 1]) {
    assert.equal(faultOf({ ...access, aud: aud as never }, accessRules), "aud");
  }
});

test("names that every object has are no claims and no groups", () => {
  const rules = foreignRules(
    oidcIssuer({ issuer: IDP, audiences: ["api"], groupClaims: ["constructor", "toString"] }),
  );
  const claims = judge(oidc, rules);
  assert.ok(typeof claims !== "string");
  assert.deepEqual(claims.groups, []);
});
