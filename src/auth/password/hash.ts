import { pbkdf2Sync, scryptSync, timingSafeEqual } from "node:crypto";
import { hashSync, verifySync } from "@node-rs/argon2";
import bcrypt from "bcryptjs";
import { passwordLimits as limits } from "../../platform/limits.ts";
import type { PasswordVerdict } from "./password-port.ts";
import { normalisePassword } from "./policy.ts";
import { readHash, type ReadHash } from "./read-hash.ts";

export type PasswordAlgorithm = "argon2id" | "bcrypt";

// `Algorithm` of the library is an ambient enum, which may not be imported as a value; 2 is Argon2id.
const ARGON2_OPTIONS = Object.freeze({
  algorithm: 2 as const,
  memoryCost: limits.argon2MemoryKib,
  timeCost: limits.argon2Passes,
  parallelism: limits.argon2Lanes,
});
const ARGON2_PREFIX = `$argon2id$v=19$m=${limits.argon2MemoryKib},t=${limits.argon2Passes},p=${limits.argon2Lanes}$`;

// Of no password. With the parameters of real ones, so that checking against them costs the same.
const NOBODY: Readonly<Record<PasswordAlgorithm, string>> = Object.freeze({
  argon2id: `${ARGON2_PREFIX}${"A".repeat(22)}$${"A".repeat(43)}`,
  bcrypt: `$2b$${limits.bcryptCost}$${".".repeat(53)}`,
});

/** A password hash that names its algorithm and cost. Blocks the thread: for password threads. */
export function hashPassword(password: string, algorithm: PasswordAlgorithm): string {
  const text = normalisePassword(password);
  if (algorithm === "argon2id") return hashSync(text, ARGON2_OPTIONS);
  // Everything behind would not count; the policy refuses such passwords before.
  if (isCutByBcrypt(text)) throw new RangeError("more bytes than bcrypt looks at");
  return bcrypt.hashSync(text, limits.bcryptCost);
}

/**
 * Compares in constant time. With no hash, or one we cannot read, the work of a comparison is done
 * and the answer is no.
 *
 * @param algorithm the one new hashes are made with: `rehash` says that this one was made otherwise
 */
export function verifyPassword(
  password: string,
  hash: string | undefined,
  algorithm: PasswordAlgorithm,
): PasswordVerdict {
  const read = hash === undefined ? undefined : readHash(hash);
  if (read === undefined || "fault" in read) {
    matches(password, readHash(NOBODY[algorithm]) as ReadHash);
    return { ok: false, rehash: false };
  }
  const ok = matches(password, read);
  return { ok, rehash: ok && !isUpToDate(read, algorithm) };
}

/** True if one of the hashes is of this password. All are looked at, up to a limit. */
export function matchesOne(password: string, hashes: readonly string[]): boolean {
  let found = false;
  for (const hash of hashes.slice(0, limits.historyMaxCount + 1)) {
    const read = readHash(hash);
    found = (!("fault" in read) && matches(password, read)) || found;
  }
  return found;
}

/** Where an imported hash comes from, a text may have been taken as it was typed. */
function matches(password: string, read: ReadHash): boolean {
  const text = normalisePassword(password);
  return compare(text, read) || (text !== password && compare(password, read));
}

function compare(text: string, read: ReadHash): boolean {
  try {
    switch (read.kind) {
      case "argon2id":
        return verifySync(read.text, text);
      case "bcrypt":
        // "…x" must not pass for "…y" only because both are cut before the last character.
        return bcrypt.compareSync(text, read.text) && !isCutByBcrypt(text);
      case "scrypt":
        return timingSafeEqual(scryptOf(text, read), read.key);
      case "pbkdf2":
        return timingSafeEqual(
          pbkdf2Sync(text, read.salt, read.iterations, read.key.length, read.digest),
          read.key,
        );
    }
  } catch {
    // Damaged in the database; its text goes nowhere.
    return false;
  }
}

function scryptOf(text: string, read: Extract<ReadHash, { kind: "scrypt" }>): Buffer {
  const { cost, blocks, lanes, salt, key } = read;
  // Node's own count of what it needs is a little more than 128 N r.
  const maxmem = 2 * 128 * blocks * (cost + lanes);
  return scryptSync(text, salt, key.length, { N: cost, r: blocks, p: lanes, maxmem });
}

function isUpToDate(read: ReadHash, algorithm: PasswordAlgorithm): boolean {
  if (read.kind === "argon2id") {
    return algorithm === "argon2id" && read.text.startsWith(ARGON2_PREFIX);
  }
  return algorithm === "bcrypt" && read.kind === "bcrypt" && read.cost >= limits.bcryptCost;
}

function isCutByBcrypt(text: string): boolean {
  return Buffer.byteLength(text) > limits.bcryptMaxBytes;
}
