import { createHash, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import type { JWK } from "jose";
import type { Config } from "../../platform/config.ts";
import { keyLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { AsymmetricAlgorithm } from "../token/algorithms.ts";
import type { PublicJwk } from "../token/verify.ts";
import { isSealedByFirst, seal, unseal, type SealingKey } from "./envelope.ts";
import type { KeyRingSnapshot, KeyState, MacKeyEntry, SignatureKeyEntry } from "./key-ring.ts";
import { generateSigningKeyPair, type KeyPair } from "./key-pair.ts";
import { importVerificationKey, KeyFault } from "./material.ts";
import { readSealingKeys, type SealingSettings } from "./sealing-keys.ts";

export type KeySettings = SealingSettings & Pick<Config, "jwtAlgorithm" | "jwtSecret">;

/** Key pairs that are being made: the slow part of a first start, begun before the database is up. */
export type PreparedKeys = readonly Promise<KeyPair>[];

interface KeyRow {
  kid: string;
  use: "sig" | "mac";
  alg: string;
  state: KeyState;
  public_jwk: PublicJwk | null;
  sealed: string | null;
}

/** Starts to make the two key pairs that an empty database needs. Needless on a warm start. */
export function prepareKeys(config: Pick<KeySettings, "jwtAlgorithm">): PreparedKeys {
  if (config.jwtAlgorithm === "HS256") return [];
  const { jwtAlgorithm } = config;
  const pairs = [generateSigningKeyPair(jwtAlgorithm), generateSigningKeyPair(jwtAlgorithm)];
  // Whoever takes a pair hears of its failure; one that nobody takes must not end the process.
  for (const pair of pairs) pair.catch(() => {});
  return pairs;
}

/**
 * Brings the stored keys to what the configuration asks for and opens them: an active and a next
 * key of `JWT_ALG` and a key for refresh tokens. Keys of another algorithm go on verifying what
 * they signed. Several processes may do this at once.
 */
export async function ensureKeys(
  database: Database,
  config: KeySettings,
  log: Logger,
  prepared: PreparedKeys = [],
): Promise<KeyRingSnapshot> {
  const sealing = await readSealingKeys(config);
  const seen = await database.read<KeyRow>(SELECT_KEYS);
  const missing = missingSignatureKeys(seen, config).length;
  // Made before the lock is taken: a pair costs a quarter of a second.
  const fresh = await takePairs(prepared, missing, config);
  const rows = await database.withTransaction(async (tx) => {
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))`);
    await retireOthers(tx, config);
    await addMissing(tx, config, sealing, [...fresh], log);
    await sealAgain(tx, sealing, log);
    return (await tx.query<KeyRow>(SELECT_KEYS)).rows;
  });
  return toSnapshot(rows, config, sealing);
}

/** Opens the keys as they are stored, to load what another process changed. */
export async function readKeys(database: Database, config: KeySettings): Promise<KeyRingSnapshot> {
  const sealing = await readSealingKeys(config);
  return toSnapshot(await database.read<KeyRow>(SELECT_KEYS), config, sealing);
}

/** Differs when a key came, went or changed its state. */
export async function keyFingerprint(database: Pick<Database, "read">): Promise<string> {
  const [row] = await database.read<{ keys: string | null }>(sql`
    SELECT string_agg(kid || ' ' || state, ',' ORDER BY kid) AS keys
      FROM auth.signing_keys WHERE state <> 'gone'`);
  return row?.keys ?? "";
}

const SELECT_KEYS = sql`SELECT kid, use, alg, state, public_jwk, sealed
  FROM auth.signing_keys WHERE state <> 'gone' ORDER BY created_at, kid`;

function missingSignatureKeys(rows: readonly KeyRow[], config: KeySettings): KeyState[] {
  if (config.jwtAlgorithm === "HS256") return [];
  return (["active", "next"] as const).filter(
    (state) => !rows.some((row) => row.state === state && row.alg === config.jwtAlgorithm),
  );
}

async function takePairs(
  prepared: PreparedKeys,
  count: number,
  config: KeySettings,
): Promise<KeyPair[]> {
  const pairs = prepared.slice(0, count);
  while (pairs.length < count) {
    pairs.push(generateSigningKeyPair(config.jwtAlgorithm as AsymmetricAlgorithm));
  }
  return Promise.all(pairs);
}

async function retireOthers(tx: Transaction, config: KeySettings): Promise<void> {
  const { jwtAlgorithm } = config;
  await tx.query(sql`UPDATE auth.signing_keys SET state = 'gone', sealed = NULL, retired_at = now()
    WHERE use = 'sig' AND state = 'next' AND alg <> ${jwtAlgorithm}`);
  await tx.query(sql`UPDATE auth.signing_keys SET state = 'retiring', retired_at = now()
    WHERE use = 'sig' AND state = 'active' AND alg <> ${jwtAlgorithm}`);
  await tx.query(sql`UPDATE auth.signing_keys SET state = 'gone', sealed = NULL
    WHERE use = 'sig' AND state = 'retiring'
      AND retired_at < now() - make_interval(secs => ${keyLimits.retiringSeconds})`);
}

async function addMissing(
  tx: Transaction,
  config: KeySettings,
  sealing: readonly SealingKey[],
  pairs: KeyPair[],
  log: Logger,
): Promise<void> {
  const { rows } = await tx.query<KeyRow>(SELECT_KEYS);
  for (const state of missingSignatureKeys(rows, config)) {
    const alg = config.jwtAlgorithm as AsymmetricAlgorithm;
    const { kid, publicJwk, privateKey } = pairs.pop() ?? (await generateSigningKeyPair(alg));
    await insertKey(
      tx,
      { kid, use: "sig", alg, state, public_jwk: publicJwk },
      privateKey,
      sealing,
    );
    log.info({ kid, alg, state }, "a signing key was made");
  }
  if (!rows.some(({ use, state }) => use === "mac" && state === "active")) {
    const kid = randomBytes(6).toString("base64url");
    const row = { kid, use: "mac", alg: "HS256", state: "active", public_jwk: null } as const;
    await insertKey(tx, row, randomBytes(32), sealing);
    log.info({ kid }, "a refresh key was made");
  }
}

async function insertKey(
  tx: Transaction,
  row: Omit<KeyRow, "sealed">,
  secret: Uint8Array,
  sealing: readonly SealingKey[],
): Promise<void> {
  const sealed = seal(secret, sealing, contextOf(row));
  const jwk = row.public_jwk === null ? null : JSON.stringify(row.public_jwk);
  await tx.query(sql`INSERT INTO auth.signing_keys
      (kid, use, alg, state, public_jwk, sealed, activated_at)
    VALUES (${row.kid}, ${row.use}, ${row.alg}, ${row.state}::text, ${jwk}::jsonb, ${sealed},
      CASE WHEN ${row.state}::text = 'active' THEN now() END)`);
}

/** After a new first key-encryption key was configured, nothing stays sealed with an older one. */
async function sealAgain(
  tx: Transaction,
  sealing: readonly SealingKey[],
  log: Logger,
): Promise<void> {
  const { rows } = await tx.query<KeyRow>(SELECT_KEYS);
  for (const row of rows) {
    if (row.sealed === null || isSealedByFirst(row.sealed, sealing)) continue;
    const secret = unseal(row.sealed, sealing, contextOf(row));
    const sealed = seal(secret, sealing, contextOf(row));
    await tx.query(sql`UPDATE auth.signing_keys SET sealed = ${sealed} WHERE kid = ${row.kid}`);
    log.info({ kid: row.kid }, "a key was sealed with the first key-encryption key");
  }
}

/** What a sealed text is bound to: it opens as this key and no other. */
function contextOf({ kid, use, alg }: Pick<KeyRow, "kid" | "use" | "alg">): string {
  return `${kid} ${use} ${alg}`;
}

async function toSnapshot(
  rows: readonly KeyRow[],
  config: KeySettings,
  sealing: readonly SealingKey[],
): Promise<KeyRingSnapshot> {
  const signatures: SignatureKeyEntry[] = [];
  const macs: MacKeyEntry[] = [];
  for (const row of rows) {
    const secret = plain(unseal(row.sealed!, sealing, contextOf(row)));
    if (row.use === "mac") macs.push({ use: "mac", kid: row.kid, state: row.state, secret });
    else signatures.push(await toSignatureEntry(row, secret));
  }
  const isShared = config.jwtAlgorithm === "HS256";
  // Another process may have been told to sign by another algorithm since we started.
  const active = signatures.find(({ state }) => state === "active");
  return {
    alg: isShared ? "HS256" : (active?.alg ?? config.jwtAlgorithm),
    signatures: isShared ? [] : signatures,
    macs,
    shared: isShared ? sharedKey(config.jwtSecret) : undefined,
  };
}

async function toSignatureEntry(row: KeyRow, privateKey: Uint8Array): Promise<SignatureKeyEntry> {
  const alg = row.alg as AsymmetricAlgorithm;
  const imported = await importVerificationKey({ ...row.public_jwk!, kid: row.kid }, alg);
  const publicJwk = imported.jwk!;
  // The public part is stored open. It is used only if it belongs to the part that was sealed.
  const own = createPublicKey(
    createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs8" }),
  ).export({ format: "jwk" }) as JWK;
  const members = ["n", "e", "crv", "x", "y"] as const;
  if (members.some((name) => own[name] !== publicJwk[name])) {
    throw new KeyFault(`the public part of the key ${row.kid} was changed`);
  }
  return { use: "sig", kid: row.kid, alg, state: row.state, publicJwk, privateKey };
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
