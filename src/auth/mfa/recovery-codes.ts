import { createHash, randomBytes } from "node:crypto";
import { mfaLimits as limits } from "../../platform/limits.ts";

// Crockford's alphabet: 0 and O, 1, I and L cannot be mixed up.
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** As many codes as an account gets at a time: 24 characters of 5 random bits, in groups of four. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: limits.recoveryCodes }, () => {
    const characters = Array.from(
      randomBytes(limits.recoveryCodeCharacters),
      (byte) => ALPHABET[byte & 31],
    ).join("");
    return characters.match(/.{4}/g)!.join("-");
  });
}

/** What the table keeps. Undefined: the text is no recovery code, however it is read. */
export function recoveryCodeDigest(text: string): Buffer | undefined {
  const code = text
    .toUpperCase()
    .replaceAll(/[\s-]/g, "")
    .replaceAll("O", "0")
    .replaceAll(/[IL]/g, "1");
  if (code.length !== limits.recoveryCodeCharacters) return undefined;
  if (Array.from(code).some((character) => !ALPHABET.includes(character))) return undefined;
  return createHash("sha256").update(code).digest();
}
