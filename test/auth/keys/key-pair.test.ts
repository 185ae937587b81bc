import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { test } from "node:test";
import { calculateJwkThumbprint } from "jose";
import { generateRsaKeyPair, generateSigningKeyPair } from "../../../src/auth/keys/key-pair.ts";
import { importVerificationKey } from "../../../src/auth/keys/material.ts";
import { algorithmKinds } from "../../../src/auth/token/algorithms.ts";
import { verifySignature } from "../../../src/auth/token/verify.ts";

for (const alg of ["RS256", "PS256", "ES256", "EdDSA"] as const) {
  test(`a new ${alg} key is named by its thumbprint, and its halves belong together`, async () => {
    const pair = await generateSigningKeyPair(alg);
    assert.equal(pair.kid, await calculateJwkThumbprint({ ...pair.publicJwk }));
    assert.deepEqual([pair.publicJwk.alg, pair.publicJwk.use], [alg, "sig"]);
    const { digest, options } = algorithmKinds[alg];
    const key = createPrivateKey({ key: pair.privateKey, format: "der", type: "pkcs8" });
    const signature = sign(digest, Buffer.from("a.b"), { key, ...options });
    const verifier = await importVerificationKey({ ...pair.publicJwk }, alg);
    assert.ok(verifySignature(verifier, "a.b", signature.toString("base64url")));
  });
}

test("an RSA key has 2048 bits, or as many as are asked for", async () => {
  for (const [size, pair] of [
    [2048, await generateRsaKeyPair()],
    [3072, await generateRsaKeyPair(3072)],
  ] as const) {
    const key = createPublicKey({ key: pair.publicKey, format: "der", type: "spki" });
    assert.equal(key.asymmetricKeyDetails?.modulusLength, size);
    assert.equal(key.asymmetricKeyDetails?.publicExponent, 65_537n);
  }
});
