import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createKeyRing, type KeyRingSnapshot } from "../../../src/auth/keys/key-ring.ts";
import { makeKey, makeSnapshot, signInput } from "../token/token-factory.ts";
import { verifySignature } from "../../../src/auth/token/verify.ts";

const keys = [makeKey("ES256", "now"), makeKey("EdDSA", "then"), makeKey("ES256", "long-ago")];
const base = makeSnapshot(keys);
const snapshot: KeyRingSnapshot = {
  ...base,
  signatures: base.signatures.map((key, index) => (index === 2 ? { ...key, state: "gone" } : key)),
  macs: [
    { use: "mac", kid: "mac-old", state: "retiring", secret: randomBytes(32) },
    { use: "mac", kid: "mac-now", state: "active", secret: randomBytes(32) },
  ],
};

test("the active key signs, every key that is not gone verifies and is public", () => {
  const ring = createKeyRing(snapshot);
  assert.equal(ring.alg, "ES256");
  assert.equal(ring.signingKey().kid, "now");
  assert.equal(ring.currentPublicKey()?.kid, "now");
  const retiring = ring.verificationKey("then")!;
  assert.ok(verifySignature(retiring, "a.b", signInput(keys[1]!, "a.b")));
  assert.equal(ring.verificationKey("long-ago"), undefined);
  for (const kid of ["unknown", "__proto__", "constructor", "mac-now"]) {
    assert.equal(ring.verificationKey(kid), undefined);
  }
  assert.deepEqual(
    ring.jwks().keys.map(({ kid }) => kid),
    ["now", "then"],
  );
});

test("no private member is in the JWK Set", () => {
  const text = JSON.stringify(createKeyRing(snapshot).jwks());
  assert.doesNotMatch(text, /"(?:d|p|q|dp|dq|qi|k)":/);
});

test("refresh keys are found by their name, the present one without", () => {
  const ring = createKeyRing(snapshot);
  assert.equal(ring.refreshKey().kid, "mac-now");
  assert.equal(ring.refreshKey("mac-old")?.kid, "mac-old");
  assert.deepEqual(ring.refreshKey("mac-old")?.secret, snapshot.macs[0]!.secret);
  assert.equal(ring.refreshKey("now"), undefined);
});

test("a ring survives the way to another thread", () => {
  const ring = createKeyRing(structuredClone(snapshot));
  assert.equal(ring.signingKey().kid, "now");
  assert.deepEqual(ring.jwks(), createKeyRing(snapshot).jwks());
});

test("a ring takes new keys whole or not at all", () => {
  const ring = createKeyRing(snapshot);
  const before = ring.jwks();
  assert.throws(() => ring.replace({ ...snapshot, signatures: [] }), /no active signing key/);
  assert.throws(() => ring.replace({ ...snapshot, macs: [] }), /no active refresh key/);
  const twice = [...snapshot.signatures, ...snapshot.signatures];
  assert.throws(() => ring.replace({ ...snapshot, signatures: twice }), /one kid/);
  assert.equal(ring.jwks(), before);
  ring.replace(makeSnapshot([makeKey("EdDSA", "new")]));
  assert.equal(ring.signingKey().kid, "new");
  assert.equal(ring.alg, "EdDSA");
  assert.equal(ring.verificationKey("now"), undefined);
});

test("a ring tells which keys do not verify any more", () => {
  const ring = createKeyRing(snapshot);
  const added = makeSnapshot([keys[0]!, keys[1]!, makeKey("EdDSA", "added")]);
  assert.deepEqual(ring.replace(added), []);
  const gone = added.signatures.map((key) =>
    key.kid === "then" ? { ...key, state: "gone" as const } : key,
  );
  assert.deepEqual(ring.replace({ ...added, signatures: gone }), ["then"]);
});

test("an active key of another algorithm does not sign", () => {
  assert.throws(() => createKeyRing({ ...snapshot, alg: "RS256" }), /no active signing key/);
});

test("beside a shared secret no other key signs, verifies or is public", () => {
  const shared = { kid: "hs-1", secret: randomBytes(32) };
  const ring = createKeyRing({ ...snapshot, alg: "HS256", shared });
  assert.equal(ring.signingKey().alg, "HS256");
  assert.equal(ring.verificationKey("now"), undefined);
  assert.equal(ring.verificationKey("hs-1")?.jwk, undefined);
  assert.equal(ring.currentPublicKey(), undefined);
  assert.deepEqual(ring.jwks(), { keys: [] });
});
