import { hashLimits as limits } from "../../platform/limits.ts";

/** A stored hash, taken apart: how it was made, and within what a thread may spend on it. */
export type ReadHash =
  | { readonly kind: "argon2id"; readonly text: string }
  | { readonly kind: "bcrypt"; readonly text: string; readonly cost: number }
  | {
      readonly kind: "scrypt";
      readonly cost: number;
      readonly blocks: number;
      readonly lanes: number;
      readonly salt: Buffer;
      readonly key: Buffer;
    }
  | {
      readonly kind: "pbkdf2";
      readonly digest: "sha1" | "sha256" | "sha512";
      readonly iterations: number;
      readonly salt: Buffer;
      readonly key: Buffer;
    };

/** Why a text is no hash that we check passwords against. */
export interface HashFault {
  readonly fault: string;
}

const UNKNOWN: HashFault = Object.freeze({ fault: "the form of the hash is not known" });
const COSTLY: HashFault = Object.freeze({ fault: "the hash costs more than a login may" });
const DAMAGED: HashFault = Object.freeze({ fault: "the hash is damaged" });

const ARGON2ID =
  /^\$argon2id\$v=19\$m=(\d{1,10}),t=(\d{1,5}),p=(\d{1,5})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const PHC_SCRYPT =
  /^\$scrypt\$ln=(\d{1,3}),r=(\d{1,5}),p=(\d{1,5})\$([A-Za-z0-9+/]*)\$([A-Za-z0-9+/]+)$/;
const DJANGO_SCRYPT = /^scrypt\$(\d{1,10})\$([^$]*)\$(\d{1,5})\$(\d{1,5})\$([A-Za-z0-9+/]+=*)$/;
const PHC_PBKDF2 = /^\$pbkdf2(-sha256|-sha512|)\$(\d{1,10})\$([A-Za-z0-9./]*)\$([A-Za-z0-9./]+)$/;
const DJANGO_PBKDF2 = /^pbkdf2_(sha1|sha256)\$(\d{1,10})\$([^$]*)\$([A-Za-z0-9+/]+=*)$/;

/** As we keep it: Django puts a name of its own in front of what others write without. */
export function canonicalHash(text: string): string {
  return text.replace(/^argon2\$(?=argon2id\$)/, "$").replace(/^bcrypt\$(?=\$2)/, "");
}

/**
 * Reads argon2id, bcrypt (2a, 2b, 2y), scrypt and PBKDF2 as PHC strings, passlib and Django write
 * them. A hash with an absurd cost is none: one of them would keep a password thread for as long as
 * its maker liked.
 */
export function readHash(text: string): ReadHash | HashFault {
  if (text.length > limits.textMaxCharacters) return UNKNOWN;
  return readArgon2id(text) ?? readBcrypt(text) ?? readScrypt(text) ?? readPbkdf2(text) ?? UNKNOWN;
}

function readArgon2id(text: string): ReadHash | HashFault | undefined {
  const parts = ARGON2ID.exec(text);
  if (parts === null) return undefined;
  const [memoryKib, passes, lanes] = parts.slice(1, 4).map(Number) as [number, number, number];
  const isBounded =
    memoryKib <= limits.argon2MemoryMaxKib &&
    memoryKib * passes <= limits.argon2WorkMaxKib &&
    lanes <= limits.argon2LanesMax;
  if (!isBounded) return COSTLY;
  const isWhole = memoryKib >= 8 * lanes && passes >= 1 && lanes >= 1 && isKey(parts[5]!);
  return isWhole ? { kind: "argon2id", text } : DAMAGED;
}

function readBcrypt(text: string): ReadHash | HashFault | undefined {
  const parts = BCRYPT.exec(text);
  if (parts === null) return undefined;
  const cost = Number(parts[1]);
  if (cost > limits.bcryptCostMax) return COSTLY;
  return cost >= limits.bcryptCostMin ? { kind: "bcrypt", text, cost } : DAMAGED;
}

function readScrypt(text: string): ReadHash | HashFault | undefined {
  const phc = PHC_SCRYPT.exec(text);
  const django = DJANGO_SCRYPT.exec(text);
  if (phc !== null) {
    const [, power, blocks, lanes, salt, key] = phc as unknown as string[];
    const cost = 2 ** Number(power);
    return toScrypt(cost, Number(blocks), Number(lanes), decode(salt!), key!);
  }
  if (django === null) return undefined;
  const [, cost, salt, blocks, lanes, key] = django as unknown as string[];
  return toScrypt(Number(cost), Number(blocks), Number(lanes), Buffer.from(salt!), key!);
}

function toScrypt(cost: number, blocks: number, lanes: number, salt: Buffer, key: string) {
  // 128 bytes a block for each step of the cost; one lane after the other.
  const isBounded =
    cost * blocks <= limits.scryptMemoryMaxBytes / 128 &&
    cost * blocks * lanes <= limits.scryptWorkMax &&
    blocks * lanes <= limits.scryptLanesMax;
  if (!isBounded) return COSTLY;
  const isPower = cost >= 2 && Number.isInteger(Math.log2(cost));
  if (!isPower || blocks < 1 || lanes < 1 || !isKey(key)) return DAMAGED;
  return { kind: "scrypt" as const, cost, blocks, lanes, salt, key: decode(key) };
}

function readPbkdf2(text: string): ReadHash | HashFault | undefined {
  const phc = PHC_PBKDF2.exec(text);
  const django = DJANGO_PBKDF2.exec(text);
  if (phc !== null) {
    const [, name, iterations, salt, key] = phc as unknown as string[];
    const digest = name === "" ? "sha1" : (name!.slice(1) as "sha256" | "sha512");
    // passlib writes a dot where base64 has a plus.
    const [plainSalt, plainKey] = [salt!, key!].map((part) => part.replaceAll(".", "+"));
    return toPbkdf2(digest, Number(iterations), decode(plainSalt!), plainKey!);
  }
  if (django === null) return undefined;
  const [, digest, iterations, salt, key] = django as unknown as string[];
  return toPbkdf2(digest as "sha1" | "sha256", Number(iterations), Buffer.from(salt!), key!);
}

function toPbkdf2(
  digest: "sha1" | "sha256" | "sha512",
  iterations: number,
  salt: Buffer,
  key: string,
) {
  if (iterations > limits.pbkdf2IterationsMax) return COSTLY;
  if (iterations < 1 || !isKey(key)) return DAMAGED;
  // Each further block of the key would cost all iterations again.
  const bytes = decode(key);
  const blockBytes = { sha1: 20, sha256: 32, sha512: 64 }[digest];
  if (bytes.length > blockBytes) return COSTLY;
  return { kind: "pbkdf2" as const, digest, iterations, salt, key: bytes };
}

const decode = (text: string) => Buffer.from(text, "base64");

/** True for enough bytes that they are not met by chance. */
function isKey(text: string): boolean {
  const { length } = decode(text);
  return length >= limits.keyMinBytes && length <= limits.keyMaxBytes;
}
