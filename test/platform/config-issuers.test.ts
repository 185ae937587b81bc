import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CONTEXTS } from "../../src/http/principal.ts";
import { ConfigError, readConfig } from "../../src/platform/config.ts";

const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7)).toString("base64");
const PRODUCTION = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://app:pw@db/app",
  PUBLIC_URL: "https://api.example",
  KEY_ENCRYPTION_KEYS: `k1:${KEY}`,
};
const POOL = { COGNITO_USER_POOL_ID: "eu-central-1_Abc123", COGNITO_CLIENT_ID: "app1" };
const OIDC = { type: "oidc", issuer: "https://idp.example", audiences: ["api"] };

function issuersOf(environment: Record<string, string>) {
  return readConfig(environment, 4).issuers;
}

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment, 4);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
}

const list = (...entries: unknown[]) => ({ ISSUERS: JSON.stringify(entries) });

test("without settings nobody but ourselves is trusted", () => {
  const config = readConfig({}, 4);
  assert.deepEqual(config.issuers, []);
  assert.equal(config.cognito, undefined);
});

test("the pool of the environment has the fixed addresses and the careful defaults", () => {
  const [pool, ...rest] = issuersOf({ ...PRODUCTION, ...POOL });
  assert.deepEqual(rest, []);
  assert.deepEqual(pool, {
    kind: "cognito",
    issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Abc123",
    jwksUri:
      "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Abc123/.well-known/jwks.json",
    clientIds: ["app1"],
    audiences: ["app1"],
    tokenUses: ["access"],
    types: ["jwt", ""],
    groupClaims: ["cognito:groups"],
    algorithms: ["RS256"],
    toleranceSeconds: 5,
    lifetimeSecondsMax: 86_400,
    roles: {},
    provision: "deny",
    tenantId: "00000000-0000-7000-8000-000000000001",
    staleMs: 4_500,
  });
});

test("both kinds of tokens, several clients, an endpoint and China are set as one would guess", () => {
  const [pool] = issuersOf({
    COGNITO_USER_POOL_ID: "local_Abc",
    COGNITO_CLIENT_ID: "app1, app2",
    COGNITO_ENDPOINT: "http://127.0.0.1:9229/",
    COGNITO_TOKEN_USE: "access,id",
    COGNITO_PROVISION: "create",
  });
  assert.equal(pool?.issuer, "http://127.0.0.1:9229/local_Abc");
  assert.deepEqual(pool.clientIds, ["app1", "app2"]);
  assert.deepEqual(pool.tokenUses, ["access", "id"]);
  assert.equal(pool.provision, "create");
  const [china] = issuersOf({ ...POOL, COGNITO_USER_POOL_ID: "cn-north-1_Abc" });
  assert.equal(china?.issuer, "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Abc");
});

test("more issuers come as a list or in a file, with their own rules", () => {
  const entries = [
    {
      ...OIDC,
      jwks_uri: "https://idp.example/keys",
      client_ids: ["web"],
      algorithms: ["ES256", "EdDSA"],
      types: ["AT+JWT"],
      tolerance_seconds: 60,
      lifetime_seconds_max: 600,
      group_claims: ["groups", "roles"],
      roles: { chefs: ["recipes_catalog:meal_manager", "iam:user"] },
      provision: "create",
      tenant_id: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
      stale_seconds: 600,
    },
    { type: "cognito", user_pool_id: "us-east-1_B", client_ids: ["b"], token_use: ["id"] },
  ];
  const fromList = issuersOf({ ...POOL, ...list(...entries) });
  assert.deepEqual(
    fromList.map(({ kind, issuer }) => [kind, issuer]),
    [
      ["cognito", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Abc123"],
      ["oidc", "https://idp.example"],
      ["cognito", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_B"],
    ],
  );
  assert.deepEqual(fromList[1], {
    kind: "oidc",
    issuer: "https://idp.example",
    jwksUri: "https://idp.example/keys",
    clientIds: ["web"],
    audiences: ["api"],
    tokenUses: [],
    types: ["at+jwt"],
    groupClaims: ["groups", "roles"],
    algorithms: ["ES256", "EdDSA"],
    toleranceSeconds: 60,
    lifetimeSecondsMax: 600,
    roles: { chefs: ["recipes_catalog:meal_manager", "iam:user"] },
    provision: "create",
    tenantId: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
    staleMs: 600_000,
  });
  const folder = mkdtempSync(join(tmpdir(), "brigade-issuers-"));
  try {
    const file = join(folder, "issuers.json");
    writeFileSync(file, JSON.stringify(entries));
    assert.deepEqual(issuersOf({ ISSUERS_FILE: file }), fromList.slice(1));
    assert.deepEqual(faultsOf({ ISSUERS_FILE: join(folder, "none") }), [
      "ISSUERS_FILE cannot be read",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is wrong is told by its name, all at once, and never by its value", () => {
  const faults = faultsOf({
    ...list(
      "secret-1",
      { type: "saml" },
      { type: "oidc", issuer: "secret-2", audience: ["x"] },
      { ...OIDC, tolerance_seconds: 61, algorithms: ["HS256"], roles: { a: ["secret-3"] } },
      { type: "cognito", user_pool_id: "local_a", client_ids: [] },
      { ...OIDC, tenant_id: "secret-4", stale_seconds: 0, provision: "maybe", types: "secret-5" },
    ),
  });
  assert.deepEqual(faults, [
    "ISSUERS[0] must be an object",
    "ISSUERS[0].type must be one of cognito, oidc",
    "ISSUERS[1].type must be one of cognito, oidc",
    "ISSUERS[2].issuer must be a URL without a query",
    "ISSUERS[2].issuer is required",
    "ISSUERS[2].audiences must name at least one",
    "ISSUERS[2].audience is not known",
    "ISSUERS[3].algorithms must be a list of RS256, PS256, ES256, EdDSA",
    "ISSUERS[3].tolerance_seconds must be a number from 0 to 60",
    "ISSUERS[3].roles must be like recipes_catalog:user, in lists by group",
    "ISSUERS[4].client_ids must be a list of 1 to 64 texts",
    "ISSUERS[4].client_ids must name at least one",
    "ISSUERS[4].region is missing",
    "ISSUERS[5].stale_seconds must be a number from 0.5 to 86400",
    "ISSUERS[5].types must be a list of 1 to 64 texts",
    "ISSUERS[5].provision must be one of deny, create",
    "ISSUERS[5].tenant_id must be a tenant's id",
    "ISSUERS names an issuer twice",
  ]);
});

test("no issuer counts twice, none is ourselves, and a list must be one", () => {
  assert.deepEqual(faultsOf(list(OIDC, OIDC)), ["ISSUERS names an issuer twice"]);
  assert.deepEqual(faultsOf({ PUBLIC_URL: "https://idp.example", ...list(OIDC) }), [
    "ISSUERS names our own PUBLIC_URL",
  ]);
  for (const text of ["{}", "[", "null", "1"]) {
    assert.deepEqual(faultsOf({ ISSUERS: text }), ["ISSUERS must be a JSON array of issuers"]);
  }
  assert.deepEqual(faultsOf({ ISSUERS: "[]", ISSUERS_FILE: "x" }), [
    "ISSUERS and ISSUERS_FILE exclude each other",
  ]);
});

test("the settings of the pool are checked against each other", () => {
  assert.deepEqual(faultsOf({ COGNITO_CLIENT_ID: "a" }), [
    "COGNITO_USER_POOL_ID is missing beside the other COGNITO_ settings",
  ]);
  assert.deepEqual(faultsOf({ COGNITO_USER_POOL_ID: "us-east-1_A" }), [
    "COGNITO_CLIENT_ID must be an app client's id, or several, comma-separated",
  ]);
  assert.deepEqual(faultsOf({ ...POOL, COGNITO_REGION: "us-east-1" }), [
    "COGNITO_REGION is not the region of the pool",
  ]);
  assert.deepEqual(faultsOf({ ...POOL, COGNITO_TOKEN_USE: "id,refresh" }), [
    "COGNITO_TOKEN_USE must be access, id, or access,id",
  ]);
  assert.deepEqual(faultsOf({ ...POOL, COGNITO_DOMAIN: "a b" }), [
    "COGNITO_DOMAIN must be a host name",
  ]);
});

test("production accepts no issuer and no key set over plain http", () => {
  const http = { ...OIDC, issuer: "http://idp.example" };
  assert.deepEqual(faultsOf(list(http)), []);
  assert.deepEqual(
    faultsOf({
      ...PRODUCTION,
      ...POOL,
      COGNITO_ENDPOINT: "http://127.0.0.1:9229",
      ...list(http, { ...OIDC, jwks_uri: "http://idp.example/keys" }),
    }),
    [
      "COGNITO_ENDPOINT must be an https URL without a query",
      "ISSUERS[0].issuer must be an https URL without a query",
      "ISSUERS[0].issuer is required",
      "ISSUERS[1].jwks_uri must be an https URL without a query",
    ],
  );
  for (const issuer of ["https://a.example?x", "https://a.example#x", "https://u:p@a.example"]) {
    assert.equal(faultsOf(list({ ...OIDC, issuer })).length > 0, true, issuer);
  }
});

test("a group may stand for roles of every context there is", () => {
  for (const context of CONTEXTS) {
    const [issuer] = issuersOf(list({ ...OIDC, roles: { g: [`${context}:user`] } }));
    assert.deepEqual(issuer?.roles, { g: [`${context}:user`] });
  }
});
