import { createPublicKey, generateKeyPair } from "node:crypto";
import type { JWK } from "jose";
import { calculateJwkThumbprint } from "jose/jwk/thumbprint";
import { promisify } from "node:util";
import { algorithmKinds, type AsymmetricAlgorithm } from "../token/algorithms.ts";
import type { PublicJwk } from "../token/verify.ts";
import { toPublicJwk } from "./material.ts";

/** A new key for an algorithm: what is published, and PKCS #8 DER of what is not. */
export interface KeyPair {
  readonly kid: string;
  readonly alg: AsymmetricAlgorithm;
  readonly publicJwk: PublicJwk;
  readonly privateKey: Buffer;
}

/** DER: SubjectPublicKeyInfo and PKCS #8. */
export interface EncodedPair {
  readonly publicKey: Buffer;
  readonly privateKey: Buffer;
}

/**
 * The pair is asked for as bytes. With key objects, node can lock itself up: `export` holds the
 * key's lock while it allocates, a garbage collection then frees the job that made the pair, and
 * the job's destructor waits for the same lock (seen on Node 20).
 */
const ENCODED = {
  publicKeyEncoding: { type: "spki", format: "der" },
  privateKeyEncoding: { type: "pkcs8", format: "der" },
} as const;

// The type of `promisify` knows the overload with key objects only.
const generate = promisify(generateKeyPair) as unknown as (
  type: "rsa" | "ec" | "ed25519",
  options: object,
) => Promise<EncodedPair>;

/** A new RSA key pair, modulus length in bits, made in libuv's pool. */
export function generateRsaKeyPair(size = 2048): Promise<EncodedPair> {
  return generate("rsa", { modulusLength: size, publicExponent: 65_537, ...ENCODED });
}

/** A new key pair for `alg`. Its kid is the thumbprint of RFC 7638: it names the key itself. */
export async function generateSigningKeyPair(alg: AsymmetricAlgorithm): Promise<KeyPair> {
  const { publicKey, privateKey } = await pairFor(alg);
  const key = createPublicKey({ key: publicKey, format: "der", type: "spki" });
  const exported = key.export({ format: "jwk" }) as JWK;
  const kid = await calculateJwkThumbprint(exported, "sha256");
  return { kid, alg, publicJwk: toPublicJwk({ ...exported, kid }, alg), privateKey };
}

function pairFor(alg: AsymmetricAlgorithm): Promise<EncodedPair> {
  switch (algorithmKinds[alg].kty) {
    case "EC":
      return generate("ec", { namedCurve: "P-256", ...ENCODED });
    case "OKP":
      return generate("ed25519", ENCODED);
    default:
      return generateRsaKeyPair();
  }
}
