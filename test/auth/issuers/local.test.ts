import assert from "node:assert/strict";
import { test } from "node:test";
import { createLocalIssuer } from "../../../src/auth/issuers/local.ts";
import { createKeyRing } from "../../../src/auth/keys/key-ring.ts";
import { makeKey, makeSnapshot, OWN } from "../token/token-factory.ts";

const rsa = makeKey("RS256", "rsa-1");
const ring = createKeyRing(makeSnapshot([rsa]));
const settings = { publicUrl: OWN, jwtAudience: "https://api.example", staleSeconds: 4.5 };
const issuer = createLocalIssuer(settings, ring);

test("a key is given only for the algorithm it is bound to", () => {
  assert.equal(issuer.keyFor("rsa-1", "RS256")?.kid, "rsa-1");
  for (const alg of ["PS256", "RS512", "HS256", "none", "rs256", ""]) {
    assert.equal(issuer.keyFor("rsa-1", alg), undefined);
  }
  assert.equal(issuer.keyFor("rsa-2", "RS256"), undefined);
});

test("the rules are those of our access tokens, and cannot be changed", () => {
  assert.equal(issuer.issuer, OWN);
  assert.equal(issuer.staleMs, 4_500);
  assert.deepEqual(issuer.rules, {
    issuer: OWN,
    audiences: ["https://api.example"],
    typ: "at+jwt",
    lifetimeSecondsMax: 3_600,
    skewSeconds: 5,
    required: ["jti", "client_id", "sid", "tid"],
  });
  assert.ok(Object.isFrozen(issuer) && Object.isFrozen(issuer.rules));
  assert.ok(Object.isFrozen(issuer.rules.audiences) && Object.isFrozen(issuer.rules.required));
});

test("other rules have another name, equal rules the same", () => {
  const other = createLocalIssuer({ ...settings, jwtAudience: OWN }, ring);
  assert.notEqual(other.ruleSetId, issuer.ruleSetId);
  assert.equal(createLocalIssuer(settings, ring).ruleSetId, issuer.ruleSetId);
});

test("a new key of the ring is found at once", () => {
  const moving = createKeyRing(makeSnapshot([rsa]));
  const own = createLocalIssuer(settings, moving);
  moving.replace(makeSnapshot([makeKey("EdDSA", "ed-1"), rsa]));
  assert.equal(own.keyFor("ed-1", "EdDSA")?.kid, "ed-1");
  assert.equal(own.keyFor("rsa-1", "RS256")?.kid, "rsa-1");
});
