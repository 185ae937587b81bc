import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import type { JWK } from "jose";
import { calculateJwkThumbprint } from "jose/jwk/thumbprint";
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../../platform/config.ts";
import { keyLimits } from "../../platform/limits.ts";
import type { AsymmetricAlgorithm } from "../token/algorithms.ts";
import { unseal, type SealingKey } from "./envelope.ts";
import type { KeyRingSnapshot, MacKeyEntry, SignatureKeyEntry } from "./key-ring.ts";
import { importVerificationKey, KeyFault } from "./material.ts";
import { contextOf, type KeyRow } from "./store-rows.ts";

export type OpeningSettings = Pick<Config, "jwtAlgorithm" | "jwtSecret">;

/** Stored keys, the number of changes they are of, and what opens them. */
export interface StoredKeys {
  readonly version: number;
  readonly rows: readonly KeyRow[];
  readonly sealing: readonly SealingKey[];
}

type Entry = SignatureKeyEntry | MacKeyEntry;

/**
 * Opens every key and proves it sound. One that is not stops it all: a server that starts with half
 * of its keys refuses half of its callers.
 *
 * @throws KeyFault that names the kid
 */
export async function openKeys(
  { version, rows, sealing }: StoredKeys,
  config: OpeningSettings,
): Promise<KeyRingSnapshot> {
  const entries: Entry[] = [];
  for (const row of rows) entries.push(await openKey(row, sealing));
  return toSnapshot(version, entries, config);
}

/**
 * Opens what another process changed. A key that is known needs no key-encryption key any more:
 * another process may have sealed it with one that this one does not have. One that does not open
 * is left out and told; it is not acknowledged, so it never signs while this process lives.
 */
export async function reopenKeys(
  { version, rows, sealing }: StoredKeys,
  config: OpeningSettings,
  known: KeyRingSnapshot,
): Promise<{ readonly snapshot: KeyRingSnapshot; readonly faults: readonly KeyFault[] }> {
  const byKid = new Map<string, Entry>(
    [...known.signatures, ...known.macs].map((entry) => [entry.kid, entry]),
  );
  const entries: Entry[] = [];
  const faults: KeyFault[] = [];
  for (const row of rows) {
    try {
      const entry = byKid.get(row.kid);
      entries.push(entry === undefined ? await openKey(row, sealing) : sameKey(entry, row));
    } catch (error) {
      if (!(error instanceof KeyFault)) throw error;
      faults.push(error);
    }
  }
  return { snapshot: toSnapshot(version, entries, config), faults };
}

/**
 * The integrity check of one key: the sealed part opens, is of the algorithm and size it should be,
 * belongs to the public part that is stored open, and the kid is the name of this key.
 *
 * @throws KeyFault that names the kid
 */
export async function openKey(row: KeyRow, sealing: readonly SealingKey[]): Promise<Entry> {
  try {
    const secret = plain(unseal(row.sealed ?? "", sealing, contextOf(row)));
    if (row.use === "sig") return await toSignatureEntry(row, secret);
    if (secret.length < keyLimits.secretMinBytes) throw new KeyFault("it is too short");
    return { use: "mac", kid: row.kid, state: row.state, secret };
  } catch (error) {
    if (!(error instanceof KeyFault)) throw error;
    throw new KeyFault(
      `the key ${row.kid} (${row.use}, ${row.state}) is unusable: ${error.message}`,
    );
  }
}

function sameKey(entry: Entry, row: KeyRow): Entry {
  const { state } = row;
  if (entry.use !== row.use) throw new KeyFault(`the key ${row.kid} was changed`);
  if (entry.use === "mac") return { ...entry, state };
  if (entry.alg !== row.alg || !isDeepStrictEqual({ ...entry.publicJwk }, { ...row.public_jwk })) {
    throw new KeyFault(`the public part of the key ${row.kid} was changed`);
  }
  return { ...entry, state };
}

async function toSignatureEntry(row: KeyRow, privateKey: Uint8Array): Promise<SignatureKeyEntry> {
  const alg = row.alg as AsymmetricAlgorithm;
  const imported = await importVerificationKey({ ...row.public_jwk!, kid: row.kid }, alg);
  const publicJwk = imported.jwk!;
  // The public part is stored open. It is used only if it belongs to the part that was sealed.
  const own = publicPartOf(privateKey);
  const members = ["n", "e", "crv", "x", "y"] as const;
  if (members.some((name) => own[name] !== publicJwk[name])) {
    throw new KeyFault("its public part was changed");
  }
  if ((await calculateJwkThumbprint(own, "sha256")) !== row.kid) {
    throw new KeyFault("its kid is not its thumbprint");
  }
  return { use: "sig", kid: row.kid, alg, state: row.state, publicJwk, privateKey };
}

function publicPartOf(privateKey: Uint8Array): JWK {
  try {
    const key = createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs8" });
    return createPublicKey(key).export({ format: "jwk" }) as JWK;
  } catch {
    throw new KeyFault("its private part cannot be read");
  }
}

function toSnapshot(
  version: number,
  entries: readonly Entry[],
  config: OpeningSettings,
): KeyRingSnapshot {
  const signatures = entries.filter((entry) => entry.use === "sig");
  const isShared = config.jwtAlgorithm === "HS256";
  // Another process may have been told to sign by another algorithm since we started.
  const active = signatures.find(({ state }) => state === "active");
  return {
    version,
    alg: isShared ? "HS256" : (active?.alg ?? config.jwtAlgorithm),
    signatures: isShared ? [] : signatures,
    macs: entries.filter((entry) => entry.use === "mac"),
    shared: isShared ? sharedKey(config.jwtSecret) : undefined,
  };
}

function sharedKey(secret: string | undefined): NonNullable<KeyRingSnapshot["shared"]> {
  const bytes = plain(Buffer.from(secret ?? "", "utf8"));
  if (bytes.length < keyLimits.secretMinBytes) throw new KeyFault("JWT_SECRET is too short");
  // Every process must give the secret the same name, and the name must not help to guess it.
  const kid = createHash("sha256").update("brigade kid ").update(bytes).digest("base64url");
  return { kid: `hs-${kid.slice(0, 16)}`, secret: bytes };
}

/** A copy of its own, not a view into node's pool of small buffers: it is cloned to threads. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes);
}
