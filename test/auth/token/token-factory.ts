import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type BinaryLike,
  type KeyObject,
} from "node:crypto";
import type { JWK } from "jose";
import { createLocalIssuer } from "../../../src/auth/issuers/local.ts";
import { createIssuerRegistry } from "../../../src/auth/issuers/registry.ts";
import type { Issuer } from "../../../src/auth/issuers/issuer.ts";
import { createKeyRing, type KeyRingSnapshot } from "../../../src/auth/keys/key-ring.ts";
import { toPublicJwk } from "../../../src/auth/keys/material.ts";
import { algorithmKinds, type AsymmetricAlgorithm } from "../../../src/auth/token/algorithms.ts";
import { validateClaims, type Claims } from "../../../src/auth/token/claims.ts";
import { isTokenFault } from "../../../src/auth/token/fault.ts";
import { parseToken } from "../../../src/auth/token/parse.ts";
import { verifySignature } from "../../../src/auth/token/verify.ts";

export const NOW = 1_800_000_000;
export const OWN = "https://brigade.example";

export interface TestKey {
  readonly kid: string;
  readonly alg: AsymmetricAlgorithm;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly jwk: JWK;
}

// As bytes first: `key-pair.ts` says what key objects can do to a process.
const ENCODED = {
  publicKeyEncoding: { type: "spki", format: "der" },
  privateKeyEncoding: { type: "pkcs8", format: "der" },
} as const;

export function makeKey(
  alg: AsymmetricAlgorithm,
  kid = `${alg}-key`,
  modulusLength = 2048,
): TestKey {
  const { kty } = algorithmKinds[alg];
  const pair: { publicKey: unknown; privateKey: unknown } =
    kty === "RSA"
      ? generateKeyPairSync("rsa", { modulusLength, ...ENCODED })
      : kty === "EC"
        ? generateKeyPairSync("ec", { namedCurve: "P-256", ...ENCODED })
        : generateKeyPairSync("ed25519", ENCODED);
  const publicKey = createPublicKey({ key: pair.publicKey as Buffer, format: "der", type: "spki" });
  const privateKey = createPrivateKey({
    key: pair.privateKey as Buffer,
    format: "der",
    type: "pkcs8",
  });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" } as JWK;
  return { kid, alg, publicKey, privateKey, jwk };
}

/** A ring that signs with the first key and still verifies with the others. */
export function makeSnapshot(keys: readonly TestKey[]): KeyRingSnapshot {
  return {
    version: 1,
    alg: keys[0]!.alg,
    shared: undefined,
    macs: [{ use: "mac", kid: "mac-1", state: "active", secret: randomBytes(32) }],
    signatures: keys.map(({ kid, alg, jwk, privateKey }, index) => ({
      use: "sig",
      kid,
      alg,
      state: index === 0 ? "active" : "retiring",
      publicJwk: toPublicJwk(jwk, alg),
      privateKey: privateKey.export({ format: "der", type: "pkcs8" }),
    })),
  };
}

export function makeIssuer(keys: readonly TestKey[], issuer = OWN): Issuer {
  const settings = { publicUrl: issuer, jwtAudience: OWN, staleSeconds: 4.5 };
  return createLocalIssuer(settings, createKeyRing(makeSnapshot(keys)));
}

export function goodClaims(): Record<string, unknown> {
  return {
    iss: OWN,
    sub: "01890000-0000-7000-8000-000000000001",
    aud: OWN,
    iat: NOW - 10,
    exp: NOW + 1_790,
    jti: "01890000-0000-7000-8000-000000000002",
    sid: "01890000-0000-7000-8000-000000000003",
    tid: "01890000-0000-7000-8000-000000000004",
    client_id: "brigade",
    amr: ["pwd"],
    auth_time: NOW - 10,
    scope: "openid",
  };
}

export function goodHeader(key: TestKey): Record<string, unknown> {
  return { alg: key.alg, typ: "at+jwt", kid: key.kid };
}

/** Base64url of an object's JSON, or of bytes and text as they are. */
export function encode(part: unknown): string {
  if (typeof part === "string") return Buffer.from(part, "utf8").toString("base64url");
  if (part instanceof Uint8Array) return Buffer.from(part).toString("base64url");
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

/** A signature as the key's algorithm makes it, whatever the header says. */
export function signInput(key: TestKey, input: string): string {
  const { digest, options } = algorithmKinds[key.alg];
  const signer = { key: key.privateKey, ...options };
  return sign(digest, Buffer.from(input), signer).toString("base64url");
}

export function signToken(key: TestKey, header: unknown, payload: unknown): string {
  return signEncoded(key, encode(header), encode(payload));
}

/** Signs two parts exactly as they are. */
export function signEncoded(key: TestKey, header: string, payload: string): string {
  return `${header}.${payload}.${signInput(key, `${header}.${payload}`)}`;
}

export function hmacToken(
  secret: BinaryLike,
  header: unknown,
  payload: unknown,
  bits = 256,
): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac(`sha${bits}`, secret).update(input).digest("base64url")}`;
}

/** What the parser, the issuers, the keys and the rules say together, in the order of a request. */
export function createJudge(
  ...issuers: Issuer[]
): (token: string, now?: number) => string | Claims {
  const registry = createIssuerRegistry(issuers);
  return (text, now = NOW) => {
    const token = parseToken(text);
    if (isTokenFault(token)) return token.fault;
    const issuer = registry.find(token.payload["iss"]);
    if (issuer === undefined) return "issuer";
    const key = issuer.keyFor(token.header.kid, token.header.alg);
    if (key === undefined) return "key";
    if (!verifySignature(key, token.signingInput, token.signature)) return "signature";
    const claims = validateClaims(token, issuer.rules, now);
    return isTokenFault(claims) ? claims.fault : claims;
  };
}

/** A small seeded generator (mulberry32): the same seed, the same tokens. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
