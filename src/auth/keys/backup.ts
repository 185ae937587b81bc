import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { Check } from "typebox/schema";
import type { Static } from "typebox";
import { Type } from "../../http/schema.ts";
import { promisify } from "node:util";
import { keyLimits } from "../../platform/limits.ts";
import { KeyFault } from "./material.ts";

/*
 * A backup is one line of JSON: how it was sealed, and the sealed keys. The key is made of the
 * passphrase by scrypt; everything in front of the box is authenticated with it.
 */

/** A key in the open, as it is inside of a backup. */
const backedUpKey = Type.Object({
  kid: Type.String({ pattern: "^[A-Za-z0-9_-]{1,128}$" }),
  use: Type.Enum(["sig", "mac"]),
  alg: Type.String(),
  state: Type.Enum(["next", "active", "retiring"]),
  public_jwk: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
  /** PKCS #8 DER or the bytes of the secret, base64. */
  secret: Type.String(),
  kept_seconds: Type.Integer({ minimum: 1 }),
  cached_seconds: Type.Integer({ minimum: 0 }),
});
const content = Type.Object({ keys: Type.Array(backedUpKey) });
export type BackedUpKey = Static<typeof backedUpKey>;

const envelope = Type.Object({
  format: Type.Literal("brigade key backup"),
  version: Type.Literal(1),
  cost: Type.Integer({ minimum: 2 ** 14, maximum: 2 ** 20 }),
  salt: Type.String(),
  iv: Type.String(),
  box: Type.String(),
});

const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const BLOCK = 8;

const derive = promisify(scrypt) as (
  passphrase: string,
  salt: Buffer,
  length: number,
  options: object,
) => Promise<Buffer>;

function keyOf(passphrase: string, salt: Buffer, cost: number): Promise<Buffer> {
  // scrypt takes 128 · N · r bytes; node's own ceiling is lower.
  const maxmem = 256 * cost * BLOCK;
  return derive(passphrase.normalize("NFC"), salt, 32, { N: cost, r: BLOCK, p: 1, maxmem });
}

/** Seals keys under a passphrase. */
export async function sealBackup(
  keys: readonly BackedUpKey[],
  passphrase: string,
  cost: number = keyLimits.backupScryptCost,
): Promise<string> {
  const [salt, iv] = [randomBytes(SALT_BYTES), randomBytes(IV_BYTES)];
  const head = headOf(cost, salt, iv);
  const key = await keyOf(passphrase, salt, cost);
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(JSON.stringify(head)));
  const text = JSON.stringify({ keys });
  const box = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `${JSON.stringify({ ...head, box: box.toString("base64") })}\n`;
}

function headOf(cost: number, salt: Buffer, iv: Buffer) {
  const format = "brigade key backup" as const;
  return { format, version: 1, cost, salt: salt.toString("base64"), iv: iv.toString("base64") };
}

/**
 * Opens what `sealBackup` made.
 *
 * @throws KeyFault; a wrong passphrase and a changed file are the same to us
 */
export async function openBackup(text: string, passphrase: string): Promise<BackedUpKey[]> {
  const parsed = parse(text);
  if (!Check(envelope, parsed)) throw new KeyFault("the file is no backup of keys");
  const [salt, iv, box] = [parsed.salt, parsed.iv, parsed.box].map((part) =>
    Buffer.from(part, "base64"),
  ) as [Buffer, Buffer, Buffer];
  if (iv.length !== IV_BYTES || box.length <= TAG_BYTES) throw new KeyFault("the file is cut off");
  const key = await keyOf(passphrase, salt, parsed.cost);
  const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(JSON.stringify(headOf(parsed.cost, salt, iv))));
  decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
  let opened: unknown;
  try {
    const bytes = decipher.update(box.subarray(0, box.length - TAG_BYTES));
    opened = parse(Buffer.concat([bytes, decipher.final()]).toString("utf8"));
  } catch {
    throw new KeyFault("the backup does not open: another passphrase, or the file was changed");
  }
  if (!Check(content, opened)) throw new KeyFault("the backup holds something else than keys");
  return opened.keys;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
