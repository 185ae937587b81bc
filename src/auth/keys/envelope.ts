import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { KeyFault } from "./material.ts";

/** A key that seals private keys. `id` is written into what it sealed. */
export interface SealingKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

const VERSION = "v1";
const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals a secret with the first key: AES-256-GCM under a random nonce. `context` is authenticated
 * with it, so that a sealed text that was moved to another row does not open there.
 */
export function seal(secret: Uint8Array, keys: readonly SealingKey[], context: string): string {
  const { id, key } = firstOf(keys);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(id, context));
  const box = Buffer.concat([iv, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return `${VERSION}.${id}.${box.toString("base64url")}`;
}

/** Opens what `seal` made, with whichever key sealed it. Throws `KeyFault`; never says a value. */
export function unseal(sealed: string, keys: readonly SealingKey[], context: string): Buffer {
  const [version, id, text] = sealed.split(".");
  if (version !== VERSION || id === undefined || text === undefined) {
    throw new KeyFault("a sealed key has an unknown form");
  }
  const found = keys.find((key) => key.id === id);
  if (found === undefined) {
    throw new KeyFault(
      `a signing key is sealed with the key-encryption key "${id}", which is away`,
    );
  }
  const box = Buffer.from(text, "base64url");
  if (box.length < IV_BYTES + TAG_BYTES) throw new KeyFault("a sealed key is cut off");
  const decipher = createDecipheriv(CIPHER, found.key, box.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associatedData(id, context));
  decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
  try {
    const opened = decipher.update(box.subarray(IV_BYTES, box.length - TAG_BYTES));
    return Buffer.concat([opened, decipher.final()]);
  } catch {
    throw new KeyFault(`a sealed key does not open with the key-encryption key "${id}"`);
  }
}

/** True if the first key, the one that seals now, sealed this text. */
export function isSealedByFirst(sealed: string, keys: readonly SealingKey[]): boolean {
  return sealed.split(".")[1] === firstOf(keys).id;
}

function firstOf(keys: readonly SealingKey[]): SealingKey {
  const first = keys[0];
  if (first === undefined) throw new KeyFault("there is no key-encryption key");
  return first;
}

function associatedData(id: string, context: string): Buffer {
  return Buffer.from(`brigade ${VERSION} ${id} ${context}`, "utf8");
}
