import type { Config } from "../../platform/config.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { passwordLimits as limits } from "../../platform/limits.ts";

export type PasswordSettings = Pick<Config, "passwordProfile" | "passwordHash">;

const MIN_CODE_POINTS = Object.freeze({
  standard: limits.standardMinCodePoints,
  strict: limits.strictMinCodePoints,
  nist: limits.nistMinCodePoints,
});

/**
 * A password as it is counted, hashed and compared: NFC, otherwise untouched (no trimming, no
 * cutting), so that one keyboard's "é" is another's.
 */
export function normalisePassword(password: string): string {
  return password.normalize("NFC");
}

/**
 * What is wrong with a new password by the rules that need no guessing. `identifiers` are the
 * owner's e-mail address, user name and name. The texts never quote the password.
 */
export function passwordFaults(
  password: string,
  identifiers: readonly string[],
  { passwordProfile, passwordHash }: PasswordSettings,
): FieldFault[] {
  const text = normalisePassword(password);
  const length = Array.from(text).length;
  const min = MIN_CODE_POINTS[passwordProfile];
  const faults: FieldFault[] = [];
  const add = (code: string, message: string) =>
    faults.push({ path: "/body/password", code, message });
  if (length < min) add("password_short", `must have at least ${min} characters`);
  if (length > limits.maxCodePoints) {
    add("password_long", `must have at most ${limits.maxCodePoints} characters`);
  }
  if (/[\0\p{Cs}]/u.test(text)) add("password_characters", "must be well-formed text");
  if (passwordHash === "bcrypt" && Buffer.byteLength(text) > limits.bcryptMaxBytes) {
    add("password_long", `must have at most ${limits.bcryptMaxBytes} bytes`);
  }
  if (passwordProfile === "strict" && !isComplex(text)) {
    add("password_simple", "must have lower and upper case letters, digits and other characters");
  }
  if (restsOnIdentifier(text, identifiers)) {
    add("password_personal", "must not consist of the e-mail address or a name");
  }
  return faults;
}

/** A fault of a password that is guessed too easily (`Passwords.strength`); `nist` asks no score. */
export function strengthFault(
  score: number,
  { passwordProfile }: PasswordSettings,
): FieldFault | undefined {
  if (passwordProfile === "nist" || score >= limits.strengthMinScore) return undefined;
  return {
    path: "/body/password",
    code: "password_weak",
    message: "is too easy to guess; take a longer or less usual one",
  };
}

function isComplex(text: string): boolean {
  return [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}]/u].every((kind) => kind.test(text));
}

/** True if little is left of the password without one of the names. */
function restsOnIdentifier(text: string, identifiers: readonly string[]): boolean {
  const folded = text.toLowerCase();
  return identifiers
    .flatMap((identifier) => [identifier, identifier.split("@")[0]!])
    .map((identifier) => identifier.toLowerCase())
    .filter((identifier) => identifier.length >= limits.identifierMinCharacters)
    .some(
      (identifier) =>
        folded.includes(identifier) &&
        Array.from(folded.replaceAll(identifier, "")).length < limits.standardMinCodePoints,
    );
}
