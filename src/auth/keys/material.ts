import type { JWK } from "jose";
import { importJWK } from "jose/key/import";
import { createHash } from "node:crypto";
import { keyLimits } from "../../platform/limits.ts";
import { algorithmKinds, isAlgorithm, type AsymmetricAlgorithm } from "../token/algorithms.ts";
import { decodeBase64url } from "../token/base64url.ts";
import { toKeyObject, type PublicJwk, type VerificationKey } from "../token/verify.ts";
import { hasRocaFingerprint } from "./roca.ts";

/** Why a key or a key set is not used. Names the rule, never the key's material. */
export class KeyFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = "KeyFault";
  }
}

/** Private members of RFC 7518 §6. */
export const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;

/**
 * The public part of a JWK as we use it, after our own checks: what libraries let pass. Throws
 * `KeyFault`. Whether `kty`, curve and `alg` belong together is checked, too.
 */
export function toPublicJwk(jwk: JWK, alg: AsymmetricAlgorithm): PublicJwk {
  const kind = algorithmKinds[alg];
  if (jwk.kty !== kind.kty) throw new KeyFault(`kty does not belong to ${alg}`);
  const common = {
    kty: kind.kty as PublicJwk["kty"],
    kid: jwk.kid ?? "",
    alg,
    use: "sig" as const,
  };
  if (kind.kty === "RSA") {
    const { n, e } = jwk;
    assertRsaNumbers(readUnsigned(n), readUnsigned(e));
    return { ...common, n: n!, e: e! };
  }
  if (jwk.crv !== kind.crv) throw new KeyFault(`crv does not belong to ${alg}`);
  const x = readCoordinate(jwk.x);
  if (kind.kty === "OKP") return { ...common, crv: jwk.crv!, x };
  return { ...common, crv: jwk.crv!, x, y: readCoordinate(jwk.y) };
}

/** A public JWK as a key that verifies, its material read by jose and by node. */
export async function importVerificationKey(
  jwk: JWK,
  alg: AsymmetricAlgorithm,
): Promise<VerificationKey> {
  const checked = toPublicJwk(jwk, alg);
  try {
    await importJWK({ ...checked }, alg);
    return toVerificationKey(checked);
  } catch {
    throw new KeyFault("the key material cannot be read");
  }
}

/** For a JWK that was checked before: the key object and the name of its material. */
export function toVerificationKey(jwk: PublicJwk): VerificationKey {
  const { alg, kty, n, e, crv, x, y, kid } = jwk;
  const id = createHash("sha256")
    .update(JSON.stringify([alg, kty, n, e, crv, x, y]))
    .digest("base64url");
  return Object.freeze({ kid, alg, id, jwk: Object.freeze(jwk), keyObject: toKeyObject(jwk) });
}

/** What is told of a key that is left out of a set. */
export type LeaveOut = (fault: KeyFault, kid: unknown) => void;

/**
 * The keys of an issuer's JWK Set that we can use, by kid. `algorithms` are the ones configured for
 * the issuer. A key of another kind is left out; a broken or ambiguous set throws `KeyFault` as a
 * whole (RFC 8725 §3.1; a set with two keys of one kid has no right answer). So does a key that is
 * bad in itself, unless `leaveOut` takes note of it (RFC 7517 §5: such a key is ignored).
 */
export async function importKeySet(
  set: unknown,
  algorithms: readonly AsymmetricAlgorithm[],
  leaveOut?: LeaveOut,
): Promise<ReadonlyMap<string, VerificationKey>> {
  const keys = (set as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new KeyFault("no keys");
  if (keys.length > keyLimits.keySetMax) throw new KeyFault("too many keys");
  const found = new Map<string, VerificationKey>();
  const kids = new Set<string>();
  for (const jwk of keys) {
    assertObject(jwk);
    const { kid } = jwk;
    if (kid !== undefined && kids.size === kids.add(kid).size) {
      throw new KeyFault("two keys have one kid");
    }
    try {
      assertPublic(jwk);
      const alg = algorithmOf(jwk, algorithms);
      if (alg === undefined || typeof kid !== "string" || kid === "") continue;
      found.set(kid, await importVerificationKey(jwk, alg));
    } catch (error) {
      if (!(error instanceof KeyFault) || leaveOut === undefined) throw error;
      leaveOut(error, kid);
    }
  }
  return found;
}

function assertObject(jwk: unknown): asserts jwk is JWK {
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) {
    throw new KeyFault("no object");
  }
}

function assertPublic(jwk: JWK): void {
  if (jwk.kty === "oct") throw new KeyFault("a shared secret in a public set");
  for (const name of PRIVATE_MEMBERS) {
    if (Object.hasOwn(jwk, name)) throw new KeyFault("a private key in a public set");
  }
}

/** The algorithm of a key by our configuration and its own restrictions; undefined: not for us. */
function algorithmOf(
  jwk: JWK,
  algorithms: readonly AsymmetricAlgorithm[],
): AsymmetricAlgorithm | undefined {
  if (jwk.use !== undefined && jwk.use !== "sig") return undefined;
  const operations: unknown = jwk.key_ops;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    return undefined;
  }
  if (jwk.alg !== undefined) {
    return isAlgorithm(jwk.alg) && jwk.alg !== "HS256" && algorithms.includes(jwk.alg)
      ? jwk.alg
      : undefined;
  }
  const fitting = algorithms.filter(
    (alg) => algorithmKinds[alg].kty === jwk.kty && algorithmKinds[alg].crv === jwk.crv,
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

function assertRsaNumbers(n: bigint, e: bigint): void {
  const bits = n.toString(2).length;
  // RFC 7518 §3.3 for the lower bound; the upper one keeps a verification from costing a second.
  if (bits < keyLimits.rsaModulusMinBits) throw new KeyFault("the RSA modulus is too short");
  if (bits > keyLimits.rsaModulusMaxBits) throw new KeyFault("the RSA modulus is too long");
  if (n % 2n === 0n) throw new KeyFault("the RSA modulus is even");
  if (e % 2n === 0n || e < keyLimits.rsaExponentMin) throw new KeyFault("the RSA exponent is weak");
  if (e.toString(2).length > keyLimits.rsaExponentMaxBits) {
    throw new KeyFault("the RSA exponent is too long");
  }
  if (hasRocaFingerprint(n)) throw new KeyFault("the RSA modulus can be factored (ROCA)");
}

/** RFC 7518 §2 Base64urlUInt. */
function readUnsigned(text: unknown): bigint {
  const bytes = typeof text === "string" ? decodeBase64url(text) : undefined;
  if (bytes === undefined || bytes.length === 0) throw new KeyFault("a number is not base64url");
  return BigInt(`0x${bytes.toString("hex")}`);
}

function readCoordinate(text: unknown): string {
  const bytes = typeof text === "string" ? decodeBase64url(text) : undefined;
  if (bytes?.length !== 32) throw new KeyFault("a coordinate is not 32 bytes of base64url");
  return text as string;
}
