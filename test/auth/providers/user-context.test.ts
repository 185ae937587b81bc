import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AuthZTokenClaims,
  clientOnboardingUser,
  ConfigurationError,
  iamUser,
  productsCatalogUser,
  recipesCatalogUser,
  StaticAuthZProvider,
  TokenValidationError,
  UserContextExtractor,
  userContextOf,
} from "../../../src/providers.ts";
import { createManualClock } from "../../support/clock.ts";

const clock = createManualClock();
const claims = new AuthZTokenClaims(
  {
    sub: "ana",
    iss: "https://issuer.example",
    aud: "app",
    exp: clock.nowSeconds() + 60,
    iat: clock.nowSeconds(),
    email: "ana@example.com",
    groups: ["cooks", "__proto__"],
    payload: { "custom:roles": "owner, ,cooks", scope: "orders/read orders/write" },
  },
  clock,
);
const extractor = new UserContextExtractor({
  rolesOfGroup: {
    cooks: ["recipes_catalog:user", "products_catalog:user"],
    owner: ["recipes_catalog:administrator"],
  },
  permissionsOfRole: { "recipes_catalog:administrator": ["manage_recipes"] },
  clock,
});

test("claims become a user with the roles that its groups stand for", () => {
  const user = extractor.fromClaims(claims);
  assert.deepEqual(
    [user.userId, user.subject, user.issuer, user.email],
    ["ana", "ana", "https://issuer.example", "ana@example.com"],
  );
  assert.deepEqual(user.groups, ["cooks", "__proto__", "owner"]);
  assert.deepEqual(user.rolesIn("recipes_catalog"), ["user", "administrator"]);
  assert.equal(user.hasRole("recipes_catalog", "administrator"), true);
  assert.equal(user.hasRole("products_catalog", "administrator"), false);
  assert.equal(user.hasAnyRole("products_catalog", ["administrator", "user"]), true);
  assert.equal(user.hasAnyRole("iam", ["administrator", "user"]), false);
  assert.equal(user.hasPermission("recipes_catalog", "manage_recipes"), true);
  assert.equal(user.hasPermission("products_catalog", "manage_recipes"), false);
  assert.equal(user.hasScope("orders/read"), true);
  assert.equal(user.isInGroup("owner"), true);
  assert.equal(user.isInGroup("nobody"), false);
  assert.equal(user.isExpired, false);
  clock.advanceMs(60_000);
  assert.equal(user.isExpired, true);
});

test("a group that no setting speaks of gives nothing", () => {
  const user = new UserContextExtractor().fromClaims(claims);
  assert.deepEqual([user.roles, user.permissions], [{}, {}]);
  assert.equal(user.hasRole("constructor", "name"), false);
  assert.equal(user.hasRole("__proto__", "toString"), false);
});

test("each context sees its own roles and no others", () => {
  const user = extractor.fromClaims(claims);
  const recipes = recipesCatalogUser(user);
  assert.deepEqual([recipes.context, recipes.userId], ["recipes_catalog", "ana"]);
  assert.deepEqual(recipes.roles, ["user", "administrator"]);
  assert.deepEqual(recipes.permissions, ["manage_recipes"]);
  assert.deepEqual(productsCatalogUser(user).roles, ["user"]);
  assert.equal(productsCatalogUser(user).hasPermission("manage_recipes"), false);
  assert.equal(recipes.hasAnyRole(["administrator"]), true);
  assert.deepEqual([iamUser(user).roles, clientOnboardingUser(user).roles], [[], []]);
});

test("a user comes from a token or a header only when the provider lets it in", async () => {
  const provider = new StaticAuthZProvider({ good: claims });
  assert.equal((await extractor.fromToken(provider, "good")).userId, "ana");
  assert.equal((await extractor.fromHeader(provider, "Bearer good")).userId, "ana");
  await assert.rejects(extractor.fromToken(provider, "bad"), TokenValidationError);
  await assert.rejects(extractor.fromHeader(provider, "Bearer bad"), /Invalid token/);
});

test("the principal of a request is the same kind of user, with what IAM knows", () => {
  const user = userContextOf(
    {
      kind: "user",
      issuer: "https://brigade.example",
      subject: "ana",
      userId: "0199",
      accountId: undefined,
      tenantId: "t",
      sessionId: undefined,
      tokenId: undefined,
      clientId: undefined,
      email: "ana@example.com",
      username: undefined,
      name: undefined,
      emailVerified: true,
      hasFactor: false,
      amr: [],
      authTime: 0,
      expiresAt: clock.nowSeconds() + 5,
      scope: "a b",
      groups: ["cooks"],
      apiKey: undefined,
      roles: { iam: ["administrator"] },
      permissions: { iam: ["manage_users"] },
    },
    clock,
  );
  assert.equal(user.userId, "0199");
  assert.equal(user.hasRole("iam", "administrator"), true);
  assert.equal(user.hasPermission("iam", "manage_users"), true);
  assert.deepEqual(user.scopes, ["a", "b"]);
  assert.equal(user.isInGroup("cooks"), true);
  assert.equal(user.isExpired, false);
});

test("a role that belongs to no context is a fault of the configuration", () => {
  for (const role of ["administrator", "kitchen:user", "iam:", ""]) {
    const make = () => new UserContextExtractor({ rolesOfGroup: { cooks: [role] } });
    assert.throws(make, ConfigurationError, role);
  }
});
