import assert from "node:assert/strict";
import { test } from "node:test";
import { Packr } from "msgpackr";
import { deepFreeze, fromPayload, toPayload } from "../../../src/auth/cache/payload.ts";
import { payloadBytesMax } from "../../../src/auth/cache/slot.ts";
import { sharedMemoryLimits } from "../../../src/platform/limits.ts";
import { claimsOf, principalOf } from "./fixtures.ts";

const packr = new Packr({ useRecords: false });

test("claims and principal come back as they were, with every field that is none", () => {
  const claims = claimsOf("ana");
  const principal = principalOf("ana", { iam: ["user", "administrator"] });
  const back = fromPayload(packr.unpack(packr.pack(toPayload(claims, principal))));
  assert.deepStrictEqual(back, { claims, principal });
  assert.ok(Object.isFrozen(back.claims) && Object.isFrozen(back.principal.roles.iam));
});

test("a field of the principal that differs from the claims keeps its own value", () => {
  const claims = { ...claimsOf("ana"), amr: ["pwd", "otp"], clientId: "app" };
  const principal = {
    ...principalOf("ana"),
    userId: "another",
    tenantId: "t2",
    expiresAt: 0,
    amr: ["pwd"],
    name: "",
  };
  const back = fromPayload(packr.unpack(packr.pack(toPayload(claims, principal))));
  assert.deepStrictEqual(back, { claims, principal });
});

test("an administrator of everything fits a slot of 1 KiB", () => {
  const subject = "01981b2e-7a70-7cc1-9f64-0d6f2a8f9b11";
  const issuer = "https://accounts.menu-planning.example";
  const claims = {
    ...claimsOf(subject),
    issuer,
    tokenId: "01981b2e-7a70-7cc1-9f64-0d6f2a8f9b12",
    sessionId: "01981b2e-7a70-7cc1-9f64-0d6f2a8f9b13",
    tenantId: "01981b2e-7a70-7cc1-9f64-0d6f2a8f9b14",
    deviceId: "AAAAAAAAAAAAAAAAAAAAAA",
  };
  const { tokenId, sessionId, tenantId } = claims;
  const common = ["access_basic_features", "manage_users", "view_audit_log"];
  const principal = {
    ...principalOf(subject),
    issuer,
    tokenId,
    sessionId,
    tenantId,
    email: "ana.beatriz.conceicao@menu-planning.example",
    username: "ana.beatriz",
    name: "Ana Beatriz Conceição da Silva",
    roles: {
      iam: ["administrator", "user"],
      products_catalog: ["administrator", "user"],
      recipes_catalog: ["administrator", "user"],
      client_onboarding: ["form_administrator", "user"],
    },
    permissions: {
      iam: [...common, "manage_roles"],
      products_catalog: [...common, "manage_products"],
      recipes_catalog: [
        ...common,
        "manage_recipes",
        "manage_meals",
        "manage_menus",
        "manage_clients",
      ],
      client_onboarding: [
        "access_basic_features",
        "access_client_data",
        "configure_typeform_webhooks",
        "manage_field_mappings",
        "manage_onboarding_forms",
        "view_audit_log",
        "view_onboarding_responses",
      ],
    },
  };
  const payload = packr.unpack(packr.pack(toPayload(claims, principal)));
  assert.deepStrictEqual(fromPayload(payload), { claims, principal });
  const bytes = packr.pack(payload).length;
  const bytesMax = payloadBytesMax(sharedMemoryLimits.claimsSlotBytes / 4);
  assert.ok(bytes <= bytesMax, `${bytes} of ${bytesMax} bytes`);
});

test("freezing goes all the way down and leaves what is frozen alone", () => {
  const inner = Object.freeze({ list: [1] });
  const value = deepFreeze({ inner, deep: { deeper: [{ deepest: 1 }] }, none: null });
  assert.ok(Object.isFrozen(value.deep.deeper[0]));
  assert.equal(value.inner, inner);
});
