import assert from "node:assert/strict";
import { generatePrimeSync } from "node:crypto";
import { test } from "node:test";
import type { JWK } from "jose";
import { importKeySet, importVerificationKey, KeyFault } from "../../../src/auth/keys/material.ts";
import { hasRocaFingerprint } from "../../../src/auth/keys/roca.ts";
import type { AsymmetricAlgorithm } from "../../../src/auth/token/algorithms.ts";
import { verifySignature } from "../../../src/auth/token/verify.ts";
import { makeKey, signInput } from "../token/token-factory.ts";

const ALL: readonly AsymmetricAlgorithm[] = ["RS256", "PS256", "ES256", "EdDSA"];
const rsa = makeKey("RS256", "rsa-1");
const ec = makeKey("ES256", "ec-1");
const ed = makeKey("EdDSA", "ed-1");

async function refusal(set: unknown, algorithms = ALL): Promise<string> {
  try {
    await importKeySet(set, algorithms);
  } catch (error) {
    assert.ok(error instanceof KeyFault, String(error));
    return error.message;
  }
  return "accepted";
}
const oneKey = (jwk: object) => refusal({ keys: [jwk] });
const rsaWith = (changes: object) => oneKey({ ...rsa.jwk, ...changes });
const toText = (value: bigint) => {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex").toString("base64url");
};

test("a set of all kinds of keys is imported, and each key verifies what it signed", async () => {
  const keys = [...ALL.map((alg) => makeKey(alg))];
  const imported = await importKeySet({ keys: keys.map(({ jwk }) => jwk) }, ALL);
  assert.equal(imported.size, 4);
  for (const key of keys) {
    const found = imported.get(key.kid)!;
    assert.equal(found.alg, key.alg);
    assert.ok(verifySignature(found, "a.b", signInput(key, "a.b")));
    assert.ok(!verifySignature(found, "a.c", signInput(key, "a.b")));
  }
});

test("a weak RSA key refuses the set", async () => {
  assert.match(await oneKey(makeKey("RS256", "short", 1024).jwk), /too short/);
  assert.match(await rsaWith({ n: toText(2n ** 8192n + 1n) }), /too long/);
  assert.match(await rsaWith({ n: toText(2n ** 2047n) }), /even/);
  assert.match(await rsaWith({ e: "AQ" }), /exponent is weak/);
  assert.match(await rsaWith({ e: "Aw" }), /exponent is weak/);
  assert.match(await rsaWith({ e: toText(65_538n) }), /exponent is weak/);
  assert.match(await rsaWith({ e: toText(2n ** 64n + 1n) }), /exponent is too long/);
  assert.equal(await rsaWith({}), "accepted");
});

test("an RSA key of the ROCA family refuses the set; others do not look like one", async () => {
  // Primes of the family: k·M + (65537^a mod M), M the product of the first 39 primes (78 to 971…).
  const primes: bigint[] = [];
  for (let candidate = 2n; primes.length < 39; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0n)) primes.push(candidate);
  }
  const product = primes.reduce((all, prime) => all * prime, 1n);
  let power = 1n;
  for (let exponent = 0; exponent < 1_234; exponent++) power = (power * 65_537n) % product;
  const one = (2n ** 800n / product) * product + power;
  const other = (2n ** 1247n / product + 5n) * product + ((power * 65_537n) % product);
  const modulus = one * other;
  assert.ok(modulus.toString(2).length >= 2_048);
  assert.ok(hasRocaFingerprint(modulus));
  assert.match(await rsaWith({ n: toText(modulus) }), /ROCA/);
  for (let round = 0; round < 200; round++) {
    const sound =
      generatePrimeSync(128, { bigint: true }) * generatePrimeSync(128, { bigint: true });
    assert.ok(!hasRocaFingerprint(sound));
  }
});

test("numbers that are not canonical base64url refuse the set", async () => {
  assert.match(await rsaWith({ n: `${rsa.jwk.n}=` }), /not base64url/);
  assert.match(await rsaWith({ n: undefined }), /not base64url/);
  assert.match(await rsaWith({ e: "" }), /not base64url/);
  assert.match(await rsaWith({ e: 65_537 }), /not base64url/);
  assert.match(await oneKey({ ...ec.jwk, x: `${ec.jwk.x}A` }), /32 bytes/);
  assert.match(await oneKey({ ...ec.jwk, y: "AAAA" }), /32 bytes/);
  assert.match(await oneKey({ ...ed.jwk, x: undefined }), /32 bytes/);
});

test("a point that is not on its curve, and an alg that is not its key's, refuse the set", async () => {
  const y = Buffer.from(ec.jwk.y!, "base64url");
  y[31]! ^= 1;
  assert.match(await oneKey({ ...ec.jwk, y: y.toString("base64url") }), /cannot be read/);
  assert.match(await oneKey({ ...ec.jwk, alg: "RS256" }), /kty does not belong/);
  assert.match(await oneKey({ ...ec.jwk, crv: "P-384" }), /crv does not belong/);
  assert.match(await oneKey({ ...ed.jwk, crv: "X25519" }), /crv does not belong/);
});

test("what is ambiguous or does not belong into a public set refuses it", async () => {
  const privateJwk = { ...rsa.privateKey.export({ format: "jwk" }), kid: "p", alg: "RS256" };
  assert.match(await refusal({ keys: [rsa.jwk, { ...ec.jwk, kid: rsa.kid }] }), /one kid/);
  assert.match(
    await refusal({ keys: [rsa.jwk, { kty: "oct", k: "c2VjcmV0", kid: "s" }] }),
    /secret/,
  );
  assert.match(await oneKey(privateJwk), /private/);
  assert.match(await oneKey({ ...ed.jwk, d: "AAAA" }), /private/);
  assert.match(await refusal({ keys: Array.from({ length: 33 }, () => ec.jwk) }), /too many/);
  for (const set of [null, undefined, 1, [], {}, { keys: {} }])
    assert.match(await refusal(set), /no keys/);
  for (const jwk of [null, 1, "x", []]) assert.match(await refusal({ keys: [jwk] }), /no object/);
});

test("keys that are not for us are left out and do no harm", async () => {
  const others: object[] = [
    { ...rsa.jwk, kid: "a", use: "enc" },
    { ...rsa.jwk, kid: "b", key_ops: ["encrypt"] },
    { ...rsa.jwk, kid: "c", key_ops: "verify" },
    { ...rsa.jwk, kid: "d", alg: "RS512" },
    { ...rsa.jwk, kid: "e", alg: "HS256" },
    { ...rsa.jwk, kid: "f", alg: "PS256" },
    { ...ec.jwk, kid: "g", alg: "ES256K", crv: "secp256k1" },
    { ...ec.jwk, kid: "" },
    { ...ed.jwk, kid: undefined },
    { ...ed.jwk, kid: 7 },
    { kty: "unknown", kid: "h" },
  ];
  const imported = await importKeySet({ keys: [...others, rsa.jwk] }, ["RS256", "ES256", "EdDSA"]);
  assert.deepEqual([...imported.keys()], [rsa.kid]);
});

test("a key without alg takes the issuer's one that fits, if there is only one", async () => {
  const { alg: _, ...jwk } = rsa.jwk as JWK & { alg: string };
  const one = await importKeySet({ keys: [jwk] }, ["RS256", "ES256"]);
  assert.equal(one.get(rsa.kid)!.alg, "RS256");
  assert.equal((await importKeySet({ keys: [jwk] }, ["RS256", "PS256"])).size, 0);
  assert.equal((await importKeySet({ keys: [jwk] }, ["ES256"])).size, 0);
});

test("the name of a key's material does not depend on its kid, but on its algorithm", async () => {
  const first = await importVerificationKey(rsa.jwk, "RS256");
  const renamed = await importVerificationKey({ ...rsa.jwk, kid: "other" }, "RS256");
  const pss = await importVerificationKey({ ...rsa.jwk, alg: "PS256" }, "PS256");
  assert.equal(first.id, renamed.id);
  assert.notEqual(first.id, pss.id);
});
