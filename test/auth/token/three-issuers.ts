import { createForeignIssuer } from "../../../src/auth/issuers/foreign.ts";
import { createKeyCopies } from "../../../src/auth/issuers/key-copies.ts";
import type { KeySetSnapshot } from "../../../src/auth/issuers/key-set.ts";
import { createIssuerRegistry } from "../../../src/auth/issuers/registry.ts";
import { toPublicJwk } from "../../../src/auth/keys/material.ts";
import { cognitoIssuer, oidcIssuer } from "../../../src/platform/issuer-settings.ts";
import { createManualClock } from "../../support/clock.ts";
import { goodClaims, makeIssuer, makeKey, NOW, OWN, type TestKey } from "./token-factory.ts";

const POOL_ID = "us-east-1_Abc123";
const APP = "3n4b5urk1ft4fl3mg5e62d9ado";
const AUDIENCE = "https://api.example";

const poolSettings = cognitoIssuer({
  userPoolId: POOL_ID,
  clientIds: [APP, "second"],
  tokenUses: ["access", "id"],
});
const idpSettings = oidcIssuer({
  issuer: "https://idp.example",
  audiences: [AUDIENCE, "https://api2.example"],
  clientIds: ["web", "mobile"],
  algorithms: ["ES256", "EdDSA"],
});

const own = makeKey("RS256", "own-1");
const access = makeKey("RS256", "pool-access=");
const id = makeKey("RS256", "pool-id=");
const ec = makeKey("ES256", "idp-ec");
const ed = makeKey("EdDSA", "idp-ed");
/** Of nobody. */
export const stray = makeKey("EdDSA", "stray");

export { APP, AUDIENCE, POOL_ID };
export const POOL = poolSettings.issuer;
export const IDP = idpSettings.issuer;
export const jwksOf: Readonly<Record<string, readonly TestKey[]>> = {
  [OWN]: [own],
  [POOL]: [access, id],
  [IDP]: [ec, ed],
};

function snapshotOf(issuer: string): KeySetSnapshot {
  return {
    issuer,
    jwksUri: `${issuer}/.well-known/jwks.json`,
    keys: jwksOf[issuer]!.map(({ jwk, alg }) => toPublicJwk(jwk, alg)),
    confirmedMs: 0,
    usableUntilMs: Infinity,
  };
}

/** Ourselves, a user pool of Cognito and an issuer of OpenID Connect, as a thread knows them. */
export function makeRegistry() {
  const keys = createKeyCopies({
    sets: [snapshotOf(POOL), snapshotOf(IDP)],
    ask: () => Promise.reject(new Error("nobody is asked")),
    clock: createManualClock(NOW * 1_000),
    onWithdrawn: () => {},
  });
  return createIssuerRegistry([
    makeIssuer([own]),
    createForeignIssuer(poolSettings, keys),
    createForeignIssuer(idpSettings, keys),
  ]);
}

/** Something that an issuer signs: the key, the header beside `alg` and `kid`, the claims. */
export interface Kind {
  readonly name: string;
  readonly key: TestKey;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

const times = { iat: NOW - 10, exp: NOW + 3_000 };
const user = {
  iss: POOL,
  sub: "294f97cc-497b-8245-8d39-578bc2a00723",
  origin_jti: "family-1",
  jti: "token-1",
  event_id: "event-1",
  auth_time: NOW - 10,
  "cognito:groups": ["chefs", "__proto__"],
  ...times,
};
const oidc = {
  iss: IDP,
  sub: "auth0|1",
  aud: [AUDIENCE, "https://other.example"],
  azp: "web",
  jti: "token-2",
  sid: "session-2",
  scope: "openid orders",
  groups: ["cooks"],
  ...times,
};

export const kinds: readonly Kind[] = [
  { name: "own", key: own, header: { typ: "at+jwt" }, claims: goodClaims() },
  {
    name: "pool access",
    key: access,
    header: {},
    claims: { ...user, token_use: "access", client_id: APP, scope: "a/b", username: "ada" },
  },
  {
    name: "pool id",
    key: id,
    header: {},
    claims: { ...user, token_use: "id", aud: APP, email: "ada@test.example", "custom:x": "a,b" },
  },
  { name: "idp ec", key: ec, header: { typ: "at+jwt" }, claims: oidc },
  { name: "idp ed", key: ed, header: { typ: "JWT" }, claims: { ...oidc, aud: AUDIENCE } },
];
