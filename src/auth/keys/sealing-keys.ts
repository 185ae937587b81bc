import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../../platform/config.ts";
import type { SealingKey } from "./envelope.ts";
import { KeyFault } from "./material.ts";

const FILE = "key-encryption-key";
const KEY_BYTES = 32;

export type SealingSettings = Pick<Config, "keyEncryptionKeys" | "dataDir" | "environment">;

/**
 * The configured key-encryption keys. Outside production, where none is configured, one is made
 * once in the data folder, readable by its owner only.
 */
export async function readSealingKeys(config: SealingSettings): Promise<readonly SealingKey[]> {
  if (config.keyEncryptionKeys.length > 0) {
    return config.keyEncryptionKeys.map(({ id, keyBase64 }) => toSealingKey(id, keyBase64));
  }
  if (config.environment === "production") throw new KeyFault("KEY_ENCRYPTION_KEYS is not set");
  const path = join(config.dataDir, FILE);
  const line = (await readIfThere(path)) ?? (await makeOnce(config.dataDir, path));
  const [id = "", keyBase64 = ""] = line.trim().split(":");
  return [toSealingKey(id, keyBase64)];
}

/** The key-encryption keys, the first one seals. */
export type SealingKeys = () => Promise<readonly SealingKey[]>;

/** Read when a secret is sealed or opened first, then kept; after a failure read again. */
export function createSealingKeys(config: SealingSettings): SealingKeys {
  let reading: Promise<readonly SealingKey[]> | undefined;
  return () => {
    reading ??= readSealingKeys(config).catch((error: unknown) => {
      reading = undefined;
      throw error;
    });
    return reading;
  };
}

function toSealingKey(id: string, keyBase64: string): SealingKey {
  const key = Buffer.from(keyBase64, "base64");
  if (key.length !== KEY_BYTES || !/^[\w-]{1,64}$/.test(id)) {
    throw new KeyFault("a key-encryption key is not `id:base64` of 32 bytes");
  }
  return { id, key };
}

/**
 * Written beside and linked into place: the link fails when another process was first, and nobody
 * ever reads half a key.
 */
async function makeOnce(dataDir: string, path: string): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(6).toString("hex")}`;
  const id = `local-${randomBytes(4).toString("hex")}`;
  const line = `${id}:${randomBytes(KEY_BYTES).toString("base64")}\n`;
  await writeFile(draft, line, { mode: 0o600, flag: "wx" });
  try {
    await link(draft, path);
    return line;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return await readFile(path, "utf8");
  } finally {
    await rm(draft, { force: true });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
