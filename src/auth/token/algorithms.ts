import { constants } from "node:crypto";

/** Signature algorithms we accept at all (RFC 7518 §3.1, RFC 8037). */
export const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "HS256"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export type AsymmetricAlgorithm = Exclude<Algorithm, "HS256">;

interface AlgorithmKind {
  readonly kty: "RSA" | "EC" | "OKP" | "oct";
  readonly crv?: "P-256" | "Ed25519";
  /** Digest as node:crypto names it; null where the scheme brings its own. */
  readonly digest: "sha256" | null;
  /** Beside the key: what `sign` and `verify` of node:crypto are told. */
  readonly options: Readonly<{
    padding?: number;
    saltLength?: number;
    dsaEncoding?: "ieee-p1363";
  }>;
}

export const algorithmKinds: Readonly<Record<Algorithm, AlgorithmKind>> = Object.freeze({
  RS256: { kty: "RSA", digest: "sha256", options: { padding: constants.RSA_PKCS1_PADDING } },
  PS256: {
    kty: "RSA",
    digest: "sha256",
    // RFC 7518 §3.5: the salt is as long as the digest, never found out from the signature.
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  },
  // RFC 7518 §3.4: r and s side by side, 64 bytes, not DER.
  ES256: { kty: "EC", crv: "P-256", digest: "sha256", options: { dsaEncoding: "ieee-p1363" } },
  EdDSA: { kty: "OKP", crv: "Ed25519", digest: null, options: {} },
  HS256: { kty: "oct", digest: "sha256", options: {} },
} as const);

export function isAlgorithm(alg: unknown): alg is Algorithm {
  return ALGORITHMS.includes(alg as Algorithm);
}
