import type { Logger } from "../../platform/log.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { recordEvent } from "../audit/store.ts";
import type { PublicJwk } from "../token/verify.ts";
import type { BackedUpKey } from "./backup.ts";
import { seal, unseal, type SealingKey } from "./envelope.ts";
import type { KeyState } from "./key-ring.ts";
import { KeyFault } from "./material.ts";
import { openKey } from "./open-keys.ts";
import { readSealingKeys } from "./sealing-keys.ts";
import { sealAgain, type KeySettings } from "./store.ts";
import {
  contextOf,
  insertKey,
  isGone,
  lockKeys,
  selectKeys,
  updateSealed,
  type KeyRow,
} from "./store-rows.ts";

/** Every key that is not gone, opened and proven sound, for a backup. */
export async function takeBackup(database: Database, config: KeySettings): Promise<BackedUpKey[]> {
  const sealing = await readSealingKeys(config);
  const { rows } = await selectKeys(database);
  const keys: BackedUpKey[] = [];
  for (const row of rows) {
    await openKey(row, sealing);
    const secret = unseal(row.sealed!, sealing, contextOf(row)).toString("base64");
    const { kid, use, alg, kept_seconds, cached_seconds } = row;
    const state = row.state as BackedUpKey["state"];
    const public_jwk = row.public_jwk as BackedUpKey["public_jwk"];
    keys.push({ kid, use, alg, state, public_jwk, secret, kept_seconds, cached_seconds });
  }
  return keys;
}

export interface Restored {
  /** Were not there. */
  readonly added: readonly string[];
  /** Were there and did not open with any key-encryption key: they do now. */
  readonly repaired: readonly string[];
  /** Were there and are sound. */
  readonly kept: readonly string[];
  /** Were withdrawn or forgotten since: a backup does not bring them back. */
  readonly gone: readonly string[];
}

/**
 * Brings the keys of a backup back, sealed with the first key-encryption key of now. Where another
 * key signs already, a restored one only verifies what it signed.
 *
 * @throws KeyFault before anything is changed, for a key that is not sound
 */
export async function restoreKeys(
  { database, config, log }: { database: Database; config: KeySettings; log: Logger },
  keys: readonly BackedUpKey[],
): Promise<Restored> {
  const sealing = await readSealingKeys(config);
  for (const key of keys) await openKey(toRow(key, sealing), sealing);
  const restored = await database.withTransaction(async (tx) => {
    await lockKeys(tx);
    const outcome = { added: [], repaired: [], kept: [], gone: [] } as {
      -readonly [Name in keyof Restored]: string[];
    };
    for (const key of keys) outcome[await restoreKey(tx, key, sealing)].push(key.kid);
    const { added, repaired } = outcome;
    const reason = [...added, ...repaired].join(" ");
    await recordEvent(tx, { action: "key.restore", actor: "cli", reason });
    return outcome;
  });
  log.info({ event: "keys_restored", ...restored }, "keys were restored");
  return restored;
}

async function restoreKey(
  tx: Transaction,
  key: BackedUpKey,
  sealing: readonly SealingKey[],
): Promise<keyof Restored> {
  const { rows } = await selectKeys(tx);
  const there = rows.find(({ kid }) => kid === key.kid);
  if (there !== undefined) {
    if (await opens(there, sealing)) return "kept";
    const { use, alg } = key;
    if (there.use !== use || there.alg !== alg)
      throw new KeyFault(`${key.kid} is another key here`);
    await updateSealed(tx, key.kid, toRow(key, sealing).sealed!);
    return "repaired";
  }
  if (await isGone(tx, key.kid)) return "gone";
  const isTaken = rows.some(({ use, state }) => use === key.use && state === key.state);
  const state: KeyState = isTaken ? "retiring" : key.state;
  const lives = { keptSeconds: key.kept_seconds, cachedSeconds: key.cached_seconds };
  await insertKey(tx, { ...toRow(key, sealing), state }, secretOf(key), { sealing, lives });
  return "added";
}

async function opens(row: KeyRow, sealing: readonly SealingKey[]): Promise<boolean> {
  try {
    await openKey(row, sealing);
    return true;
  } catch (error) {
    if (error instanceof KeyFault) return false;
    throw error;
  }
}

const secretOf = (key: BackedUpKey) => Buffer.from(key.secret, "base64");

function toRow(key: BackedUpKey, sealing: readonly SealingKey[]): KeyRow {
  const { secret: _, ...rest } = key;
  const public_jwk = key.public_jwk as PublicJwk | null;
  return { ...rest, public_jwk, sealed: seal(secretOf(key), sealing, contextOf(key)) };
}

/** Seals what an older key-encryption key sealed with the first one; then the older may go. */
export async function resealKeys({
  database,
  config,
  log,
}: {
  database: Database;
  config: KeySettings;
  log: Logger;
}): Promise<{ readonly sealed: number; readonly left: readonly string[] }> {
  const sealing = await readSealingKeys(config);
  return await database.withTransaction(async (tx) => {
    await lockKeys(tx);
    const sealed = await sealAgain(tx, sealing, log);
    const { rows } = await selectKeys(tx);
    const others = rows.filter((row) => row.sealed?.split(".")[1] !== sealing[0]!.id);
    const reason = `${sealed} with ${sealing[0]!.id}`;
    if (sealed > 0) await recordEvent(tx, { action: "key.seal", actor: "cli", reason });
    return { sealed, left: others.map(({ kid }) => kid) };
  });
}
