import type { Config } from "../../platform/config.ts";
import type { Logger } from "../../platform/log.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { bringConfiguredKey, readConfiguredKey, type ConfiguredKey } from "./configured-key.ts";
import { isSealedByFirst, seal, unseal, type SealingKey } from "./envelope.ts";
import type { KeyRingSnapshot } from "./key-ring.ts";
import { generateSigningKeyPair } from "./key-pair.ts";
import {
  createKeyMaker,
  keyLives,
  missingStates,
  type KeyMaker,
  type LifeSettings,
  type PreparedKeys,
} from "./new-keys.ts";
import { openKeys, reopenKeys, type OpeningSettings } from "./open-keys.ts";
import { readSealingKeys, type SealingSettings } from "./sealing-keys.ts";
import {
  askForRotation,
  contextOf,
  KEY_USES,
  lockKeys,
  raiseLives,
  retireActive,
  selectKeys,
  updateSealed,
  withdrawKeys,
  type KeyRow,
} from "./store-rows.ts";

export type { PreparedKeys } from "./new-keys.ts";

export type KeySettings = SealingSettings &
  OpeningSettings &
  LifeSettings &
  Pick<Config, "signingKeyFile">;

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
 * Brings the stored keys to what the configuration asks for, opens them and proves them sound: an
 * active and a next key to sign with, and the same for refresh tokens. After another `JWT_ALG` was
 * configured the next key is one of that algorithm, and follows as soon as that is safe. Several
 * processes may do this at once.
 *
 * @throws KeyFault that names the kid
 */
export async function ensureKeys(
  database: Database,
  config: KeySettings,
  log: Logger,
  prepared: PreparedKeys = [],
): Promise<KeyRingSnapshot> {
  const sealing = await readSealingKeys(config);
  const configured = await readConfiguredKey(config);
  const maker = createKeyMaker({ config, sealing, log }, prepared);
  // Made before the lock is taken: a pair costs a quarter of a second.
  await prepareMissing((await selectKeys(database)).rows, config, maker);
  const stored = await database.withTransaction(async (tx) => {
    await lockKeys(tx);
    await addMissing(tx, config, maker);
    if (configured !== undefined) await bringConfigured(tx, configured, config, sealing, log);
    for (const use of KEY_USES) await raiseLives(tx, use, keyLives(use, config));
    await sealAgain(tx, sealing, log);
    return await selectKeys(tx);
  });
  return await openKeys({ ...stored, sealing }, config);
}

/** Opens the keys as they are stored and proves them sound. */
export async function readKeys(database: Database, config: KeySettings): Promise<KeyRingSnapshot> {
  const sealing = await readSealingKeys(config);
  return await openKeys({ ...(await selectKeys(database)), sealing }, config);
}

/** Opens what another process changed; tells what does not open. */
export async function rereadKeys(
  database: Database,
  config: KeySettings,
  known: KeyRingSnapshot,
): Promise<Awaited<ReturnType<typeof reopenKeys>> & { readonly kids: readonly string[] }> {
  const sealing = await readSealingKeys(config);
  const stored = await selectKeys(database);
  for (const use of KEY_USES) {
    const lives = keyLives(use, config);
    const isShorter = ({ use: its, state, kept_seconds, cached_seconds }: KeyRow) =>
      its === use &&
      (state === "next" || state === "active") &&
      (kept_seconds < lives.keptSeconds || cached_seconds < lives.cachedSeconds);
    // Before we acknowledge the key, so before it can sign or retire.
    if (stored.rows.some(isShorter)) await raiseLives(database, use, lives);
  }
  const opened = await reopenKeys({ ...stored, sealing }, config, known);
  return { ...opened, kids: stored.rows.map(({ kid }) => kid) };
}

async function prepareMissing(
  rows: readonly KeyRow[],
  { jwtAlgorithm }: KeySettings,
  maker: KeyMaker,
): Promise<void> {
  if (jwtAlgorithm === "HS256") return;
  const other = rows.some(
    ({ use, state, alg }) => use === "sig" && state === "next" && alg !== jwtAlgorithm,
  );
  await maker.prepare(jwtAlgorithm, missingStates(rows, "sig").length + (other ? 1 : 0));
}

async function addMissing(tx: Transaction, config: KeySettings, maker: KeyMaker): Promise<void> {
  const { jwtAlgorithm } = config;
  const { rows } = await selectKeys(tx);
  for (const state of missingStates(rows, "mac")) await maker.insert(tx, "mac", state, "HS256");
  if (jwtAlgorithm === "HS256") {
    await withdrawKeys(tx, "sig", ["next"]);
    await retireActive(tx, "sig");
    return;
  }
  const of = (state: string) => rows.find((row) => row.use === "sig" && row.state === state);
  if (of("active") === undefined) await maker.insert(tx, "sig", "active", jwtAlgorithm);
  const next = of("next");
  if (next?.alg !== jwtAlgorithm) {
    // It never signed anything.
    if (next !== undefined) await withdrawKeys(tx, "sig", ["next"]);
    await maker.insert(tx, "sig", "next", jwtAlgorithm);
  }
  const active = of("active");
  if (active !== undefined && active.alg !== jwtAlgorithm) await askForRotation(tx, "sig");
}

async function bringConfigured(
  tx: Transaction,
  configured: ConfiguredKey,
  config: KeySettings,
  sealing: readonly SealingKey[],
  log: Logger,
): Promise<void> {
  await bringConfiguredKey(tx, configured, { sealing, lives: keyLives("sig", config), log });
}

/**
 * After a new first key-encryption key was configured, nothing stays sealed with an older one.
 * Answers how many keys were sealed again. A key that does not open stays as it is.
 */
export async function sealAgain(
  tx: Transaction,
  sealing: readonly SealingKey[],
  log: Logger,
): Promise<number> {
  const { rows } = await selectKeys(tx);
  let count = 0;
  for (const row of rows) {
    if (row.sealed === null || isSealedByFirst(row.sealed, sealing)) continue;
    if (!sealing.some(({ id }) => id === row.sealed!.split(".")[1])) continue;
    const secret = unseal(row.sealed, sealing, contextOf(row));
    await updateSealed(tx, row.kid, seal(secret, sealing, contextOf(row)));
    log.info({ event: "key_sealed", kid: row.kid }, "a key was sealed with the first sealing key");
    count++;
  }
  return count;
}
