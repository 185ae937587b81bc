import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { API_KEY_PREFIX } from "../../http/bearer.ts";
import { apiKeyLimits } from "../../platform/limits.ts";
import { toBase62, fromBase62 } from "./base62.ts";

/*
 * The text of an API key: `brg_<id>_<secret>_<checksum>`, letters and digits only, so that a double
 * click takes all of it and no address or shell needs an escape. The checksum tells a mistyped or
 * made-up key without a look-up; it proves nothing.
 */
const ID_CHARACTERS = 22;
const SECRET_CHARACTERS = 27;
const CHECKSUM_CHARACTERS = 6;
const SHAPE = new RegExp(
  `^${API_KEY_PREFIX}([0-9A-Za-z]{${ID_CHARACTERS}})_([0-9A-Za-z]{${SECRET_CHARACTERS}})_([0-9A-Za-z]{${CHECKSUM_CHARACTERS}})$`,
);
export const KEY_TEXT_CHARACTERS =
  API_KEY_PREFIX.length + ID_CHARACTERS + SECRET_CHARACTERS + CHECKSUM_CHARACTERS + 2;

/** What a key's text says: which key it is, and what only its holder knows. */
export interface KeyText {
  /** UUID of the key. */
  readonly id: string;
  /** SHA-256 of the secret. */
  readonly digest: Buffer;
}

/** A new secret for a key: the only moment in which its text exists here. */
export function makeKeyText(id: string): KeyText & { readonly text: string } {
  const secret = toBase62(randomBytes(apiKeyLimits.secretBytes), SECRET_CHARACTERS);
  const head = `${makeKeyPrefix(id)}_${secret}`;
  return { id, digest: digestOf(secret), text: `${head}_${checksumOf(head)}` };
}

/** How the text of a key begins, whatever its secret: to be shown and looked for. */
export function makeKeyPrefix(id: string): string {
  const bytes = Buffer.from(id.replaceAll("-", ""), "hex");
  return API_KEY_PREFIX + toBase62(bytes, ID_CHARACTERS);
}

/** Undefined for anything that we cannot have issued. */
export function readKeyText(text: string): KeyText | undefined {
  if (text.length !== KEY_TEXT_CHARACTERS) return undefined;
  const parts = SHAPE.exec(text);
  if (parts === null) return undefined;
  const [, idText = "", secret = "", checksum] = parts;
  const head = text.slice(0, -(CHECKSUM_CHARACTERS + 1));
  if (checksumOf(head) !== checksum) return undefined;
  const bytes = fromBase62(idText, 16);
  if (bytes === undefined) return undefined;
  const id = bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { id, digest: digestOf(secret) };
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret, "latin1").digest();
}

function checksumOf(head: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(head));
  return toBase62(bytes, CHECKSUM_CHARACTERS);
}
