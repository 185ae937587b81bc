import { hashSync, verifySync } from "@node-rs/argon2";
import bcrypt from "bcryptjs";
import { passwordLimits as limits } from "../../platform/limits.ts";
import type { PasswordVerdict } from "./password-port.ts";
import { normalisePassword } from "./policy.ts";

export type PasswordAlgorithm = "argon2id" | "bcrypt";

// `Algorithm` of the library is an ambient enum, which may not be imported as a value; 2 is Argon2id.
const ARGON2_OPTIONS = Object.freeze({
  algorithm: 2 as const,
  memoryCost: limits.argon2MemoryKib,
  timeCost: limits.argon2Passes,
  parallelism: limits.argon2Lanes,
});
const ARGON2_PREFIX = `$argon2id$v=19$m=${limits.argon2MemoryKib},t=${limits.argon2Passes},p=${limits.argon2Lanes}$`;
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

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
  const text = normalisePassword(password);
  const kind = hash === undefined ? undefined : algorithmOf(hash);
  if (hash === undefined || kind === undefined) {
    compare(text, NOBODY[algorithm], algorithm);
    return { ok: false, rehash: false };
  }
  const ok = compare(text, hash, kind);
  return { ok, rehash: ok && !isUpToDate(hash, algorithm) };
}

/** True if one of the hashes is of this password. All are looked at, up to a limit. */
export function matchesOne(password: string, hashes: readonly string[]): boolean {
  const text = normalisePassword(password);
  let found = false;
  for (const hash of hashes.slice(0, limits.historyMaxCount + 1)) {
    const kind = algorithmOf(hash);
    found = (kind !== undefined && compare(text, hash, kind)) || found;
  }
  return found;
}

function algorithmOf(hash: string): PasswordAlgorithm | undefined {
  if (hash.startsWith("$argon2id$")) return "argon2id";
  return BCRYPT.test(hash) ? "bcrypt" : undefined;
}

function compare(text: string, hash: string, kind: PasswordAlgorithm): boolean {
  if (kind === "argon2id") {
    try {
      return verifySync(hash, text);
    } catch {
      // Damaged in the database; its text goes nowhere.
      return false;
    }
  }
  const isRight = bcrypt.compareSync(text, hash);
  // "…x" must not pass for "…y" only because both are cut before the last character.
  return isRight && !isCutByBcrypt(text);
}

function isUpToDate(hash: string, algorithm: PasswordAlgorithm): boolean {
  if (algorithm === "argon2id") return hash.startsWith(ARGON2_PREFIX);
  return Number(BCRYPT.exec(hash)?.[1] ?? 0) >= limits.bcryptCost;
}

function isCutByBcrypt(text: string): boolean {
  return Buffer.byteLength(text) > limits.bcryptMaxBytes;
}
