import { generateKeyPair, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
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

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** A new RSA key pair, modulus length in bits, made in libuv's pool. */
export function generateRsaKeyPair(size = 2048): Promise<Pair> {
  return generate("rsa", { modulusLength: size, publicExponent: 65_537 });
}

/** A new key pair for `alg`. Its kid is the thumbprint of RFC 7638: it names the key itself. */
export async function generateSigningKeyPair(alg: AsymmetricAlgorithm): Promise<KeyPair> {
  const { publicKey, privateKey } = await pairFor(alg);
  const exported = publicKey.export({ format: "jwk" }) as JWK;
  const kid = await calculateJwkThumbprint(exported, "sha256");
  return {
    kid,
    alg,
    publicJwk: toPublicJwk({ ...exported, kid }, alg),
    privateKey: privateKey.export({ format: "der", type: "pkcs8" }),
  };
}

function pairFor(alg: AsymmetricAlgorithm): Promise<Pair> {
  switch (algorithmKinds[alg].kty) {
    case "EC":
      return generate("ec", { namedCurve: "P-256" });
    case "OKP":
      return generate("ed25519");
    default:
      return generateRsaKeyPair();
  }
}
