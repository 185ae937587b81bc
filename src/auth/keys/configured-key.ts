import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { JWK } from "jose";
import { calculateJwkThumbprint } from "jose/jwk/thumbprint";
import type { Config } from "../../platform/config.ts";
import type { Logger } from "../../platform/log.ts";
import type { Transaction } from "../../platform/postgres.ts";
import type { SealingKey } from "./envelope.ts";
import type { KeyPair } from "./key-pair.ts";
import { KeyFault, toPublicJwk } from "./material.ts";
import {
  askForRotation,
  insertKey,
  isGone,
  selectKeys,
  withdrawKeys,
  type KeyLives,
} from "./store-rows.ts";

export type ConfiguredKey = KeyPair;

/**
 * The private key of `SIGNING_KEY_FILE`, PKCS #8 PEM or a JWK, as a key of `JWT_ALG`. Undefined:
 * none is configured.
 *
 * @throws KeyFault for a file that cannot be read or holds another kind of key
 */
export async function readConfiguredKey({
  signingKeyFile,
  jwtAlgorithm: alg,
}: Pick<Config, "signingKeyFile" | "jwtAlgorithm">): Promise<ConfiguredKey | undefined> {
  if (signingKeyFile === undefined || alg === "HS256") return undefined;
  const key = toPrivateKey(await readText(signingKeyFile));
  const exported = createPublicKey(key).export({ format: "jwk" }) as JWK;
  const kid = await calculateJwkThumbprint(exported, "sha256");
  try {
    const publicJwk = toPublicJwk({ ...exported, kid }, alg);
    return { kid, alg, publicJwk, privateKey: key.export({ format: "der", type: "pkcs8" }) };
  } catch (error) {
    if (!(error instanceof KeyFault)) throw error;
    throw new KeyFault(`the key of SIGNING_KEY_FILE does not suit JWT_ALG: ${error.message}`);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code = "unknown reason" } = error as NodeJS.ErrnoException;
    throw new KeyFault(`SIGNING_KEY_FILE cannot be read (${code})`);
  }
}

function toPrivateKey(text: string): KeyObject {
  try {
    if (!text.trimStart().startsWith("{")) return createPrivateKey(text);
    return createPrivateKey({ key: JSON.parse(text) as JWK, format: "jwk" });
  } catch {
    // What the parser says may quote the file.
    throw new KeyFault("SIGNING_KEY_FILE holds no private key as PEM or JWK");
  }
}

/**
 * Makes the configured key the next one, and asks for the rotation to it. One that is there is left
 * as it is; one that was there and is gone does not come back.
 */
export async function bringConfiguredKey(
  tx: Transaction,
  { kid, alg, publicJwk, privateKey }: ConfiguredKey,
  { sealing, lives, log }: { sealing: readonly SealingKey[]; lives: KeyLives; log: Logger },
): Promise<void> {
  const { rows } = await selectKeys(tx);
  if (rows.some((row) => row.kid === kid)) return;
  if (await isGone(tx, kid)) {
    log.warn({ event: "key_not_taken", kid }, "the key of SIGNING_KEY_FILE is gone for good");
    return;
  }
  // It never signed anything.
  await withdrawKeys(tx, "sig", ["next"]);
  const row = { kid, use: "sig", alg, state: "next", public_jwk: publicJwk } as const;
  await insertKey(tx, row, privateKey, { sealing, lives });
  await askForRotation(tx, "sig");
  log.info({ event: "key_taken", kid, alg }, "the key of SIGNING_KEY_FILE follows");
}
