import { createPrivateKey, createSecretKey, type KeyObject } from "node:crypto";
import type { Algorithm } from "../token/algorithms.ts";
import type { SigningKey } from "../token/issue.ts";
import type { PublicJwk, VerificationKey } from "../token/verify.ts";
import { toVerificationKey } from "./material.ts";

/**
 * The states of a key: published but not used yet, signing, verifying what it signed, forgotten.
 */
export type KeyState = "next" | "active" | "retiring" | "gone";

/** A signing key with its private part opened. Lives in the memory of this process only. */
export interface SignatureKeyEntry {
  readonly use: "sig";
  readonly kid: string;
  readonly alg: Exclude<Algorithm, "HS256">;
  readonly state: KeyState;
  readonly publicJwk: PublicJwk;
  /** PKCS #8 DER. */
  readonly privateKey: Uint8Array;
}

/** A key that authenticates refresh tokens. */
export interface MacKeyEntry {
  readonly use: "mac";
  readonly kid: string;
  readonly state: KeyState;
  readonly secret: Uint8Array;
}

/** All keys of the program as plain data: main hands it to every thread, in `workerData`. */
export interface KeyRingSnapshot {
  /** Number of changes of the stored keys when these were read. */
  readonly version: number;
  readonly alg: Algorithm;
  readonly signatures: readonly SignatureKeyEntry[];
  readonly macs: readonly MacKeyEntry[];
  /** HS256 only: the configured secret. No other signature key is used beside it. */
  readonly shared: { readonly kid: string; readonly secret: Uint8Array } | undefined;
}

export interface RefreshKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

export interface JwkSet {
  readonly keys: readonly PublicJwk[];
}

export interface KeyRing {
  readonly alg: Algorithm;
  /** Number of changes of the stored keys when these were read. */
  version(): number;
  /** The key that signs now. */
  signingKey(): SigningKey;
  /** The public half of it; undefined with a shared secret. */
  currentPublicKey(): PublicJwk | undefined;
  /** A key that verifies our tokens; undefined for a kid we do not have (any more). */
  verificationKey(kid: string): VerificationKey | undefined;
  /** The key of refresh tokens: the present one, or the one of that name. */
  refreshKey(): RefreshKey;
  refreshKey(kid: string): RefreshKey | undefined;
  /** Public keys, the one that is going to sign first included. Never a shared secret. */
  jwks(): JwkSet;
  /** Takes another set of keys, whole or not at all. Tells the kids that do not verify any more. */
  replace(snapshot: KeyRingSnapshot): string[];
}

interface Keys {
  readonly version: number;
  readonly alg: Algorithm;
  readonly signing: SigningKey;
  readonly verifying: ReadonlyMap<string, VerificationKey>;
  readonly refresh: RefreshKey;
  readonly macs: ReadonlyMap<string, RefreshKey>;
  readonly jwks: JwkSet;
}

/** Throws when the snapshot has no key to sign with or a kid comes twice. */
export function createKeyRing(snapshot: KeyRingSnapshot): KeyRing {
  let keys = readKeys(snapshot);
  const refreshKey = ((kid?: string) =>
    kid === undefined ? keys.refresh : keys.macs.get(kid)) as KeyRing["refreshKey"];
  return {
    get alg() {
      return keys.alg;
    },
    version: () => keys.version,
    signingKey: () => keys.signing,
    currentPublicKey: () => keys.verifying.get(keys.signing.kid)?.jwk,
    verificationKey: (kid) => keys.verifying.get(kid),
    refreshKey,
    jwks: () => keys.jwks,
    replace(next) {
      const before = keys;
      keys = readKeys(next);
      return [...before.verifying.keys()].filter((kid) => !keys.verifying.has(kid));
    },
  };
}

function readKeys(snapshot: KeyRingSnapshot): Keys {
  const macs = new Map(
    snapshot.macs.map(({ kid, secret }) => [kid, Object.freeze({ kid, secret })]),
  );
  const present = snapshot.macs.find(({ state }) => state === "active");
  if (present === undefined) throw new Error("the key ring has no active refresh key");
  const signatures = snapshot.shared ? sharedKeys(snapshot.shared) : ownKeys(snapshot);
  const { version, alg } = snapshot;
  return { version, alg, refresh: macs.get(present.kid)!, macs, ...signatures };
}

type SignatureKeys = Pick<Keys, "signing" | "verifying" | "jwks">;

function ownKeys(snapshot: KeyRingSnapshot): SignatureKeys {
  const entries = snapshot.signatures.filter(({ state }) => state !== "gone");
  const verifying = new Map(entries.map((key) => [key.kid, toVerificationKey(key.publicJwk)]));
  if (verifying.size !== entries.length) throw new Error("two keys of the ring have one kid");
  const active = entries.find(({ state, alg }) => state === "active" && alg === snapshot.alg);
  if (active === undefined) throw new Error("the key ring has no active signing key");
  const keyObject = openPrivateKey(active.privateKey);
  return {
    signing: Object.freeze({ kid: active.kid, alg: active.alg, keyObject }),
    verifying,
    jwks: Object.freeze({ keys: Object.freeze(entries.map(({ publicJwk }) => publicJwk)) }),
  };
}

function sharedKeys(shared: NonNullable<KeyRingSnapshot["shared"]>): SignatureKeys {
  const { kid } = shared;
  const keyObject = createSecretKey(shared.secret);
  const alg = "HS256" as const;
  return {
    signing: Object.freeze({ kid, alg, keyObject }),
    verifying: new Map([[kid, Object.freeze({ kid, alg, id: kid, keyObject, jwk: undefined })]]),
    jwks: Object.freeze({ keys: Object.freeze([]) }),
  };
}

function openPrivateKey(der: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
}
