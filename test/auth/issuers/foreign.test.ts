import assert from "node:assert/strict";
import { test } from "node:test";
import { createForeignIssuer } from "../../../src/auth/issuers/foreign.ts";
import type { ForeignKeys } from "../../../src/auth/issuers/foreign-keys.ts";
import type { Claims } from "../../../src/auth/token/claims.ts";
import { cognitoIssuer, oidcIssuer } from "../../../src/platform/issuer-settings.ts";

const asked: unknown[][] = [];
const keys: ForeignKeys = {
  find: (...names) => void asked.push(["find", ...names]),
  isUsable: (issuer) => issuer === "https://idp.example",
  want: (...names) => void asked.push(["want", ...names]),
};
const settings = oidcIssuer({
  issuer: "https://idp.example",
  audiences: ["api"],
  roles: { chefs: ["recipes_catalog:meal_manager", "iam:user"], ["__proto__"]: ["iam:auditor"] },
});
const withGroups = (...groups: string[]) => ({ groups }) as unknown as Claims;

test("keys are asked for under the issuer's own name", () => {
  const issuer = createForeignIssuer(settings, keys);
  issuer.keyFor("k1", "RS256");
  void issuer.foreign!.wantKey("k2");
  assert.deepEqual(asked, [
    ["find", "https://idp.example", "k1", "RS256"],
    ["want", "https://idp.example", "k2"],
  ]);
  assert.equal(issuer.foreign!.hasKeys(), true);
  assert.ok(Object.isFrozen(issuer) && Object.isFrozen(issuer.rules.foreign));
});

test("groups stand for the roles that the settings say, and no other group for any", () => {
  const { foreign } = createForeignIssuer(settings, keys);
  const meals = { context: "recipes_catalog", name: "meal_manager" };
  assert.deepEqual(foreign!.rolesOf(withGroups("chefs")), [
    meals,
    { context: "iam", name: "user" },
  ]);
  assert.deepEqual(
    foreign!.rolesOf(withGroups("Chefs", "constructor", "recipes_catalog:user")),
    [],
  );
  assert.deepEqual(foreign!.rolesOf({} as Claims), []);
  const none = createForeignIssuer(oidcIssuer({ issuer: "https://b", audiences: ["x"] }), keys);
  assert.deepEqual(none.foreign!.rolesOf(withGroups("chefs")), []);
});

test("every rule that decides is part of the name under which verdicts are kept", () => {
  const base = { userPoolId: "us-east-1_A", clientIds: ["a"] };
  const variants = [
    base,
    { ...base, clientIds: ["b"] },
    { ...base, tokenUses: ["id" as const] },
    { ...base, types: ["at+jwt"] },
    { ...base, toleranceSeconds: 1 },
    { ...base, lifetimeSecondsMax: 60 },
    { ...base, groupClaims: ["groups"] },
    { ...base, roles: { a: ["iam:user"] } },
    { ...base, provision: "create" as const },
    { ...base, tenantId: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b" },
  ].map((given) => createForeignIssuer(cognitoIssuer(given), keys).ruleSetId);
  assert.equal(new Set(variants).size, variants.length);
});
