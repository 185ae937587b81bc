import type { Config } from "../../platform/config.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { passwordLimits as limits } from "../../platform/limits.ts";
import type { TenantPolicy } from "../tenants/policy.ts";
import type { PasswordAssessment } from "./assessment.ts";

/** A requirement that a password does not meet. */
export type PasswordFault = Pick<FieldFault, "code" | "message">;

/** What a new password is measured by. */
export interface PasswordRules {
  readonly profile: TenantPolicy["password"]["profile"];
  readonly minCodePoints: number;
  readonly maxCodePoints: number;
  /** Only so many bytes of it would count; undefined: all of them do. */
  readonly maxBytes: number | undefined;
  /** Lower and upper case letters, digits and others, all of them. */
  readonly isComplex: boolean;
  /** Least score of `Passwords.assess`. */
  readonly minScore: number;
}

const MIN_CODE_POINTS = Object.freeze({
  standard: limits.standardMinCodePoints,
  strict: limits.strictMinCodePoints,
  nist: limits.nistMinCodePoints,
});

/** The rules of a tenant. `nist` asks for less where a second factor is asked for as well. */
export function rulesOf(
  policy: Pick<TenantPolicy, "password" | "mfa">,
  algorithm: Config["passwordHash"],
): PasswordRules {
  const { profile } = policy.password;
  const isShorter = profile === "nist" && policy.mfa.mode === "required";
  return Object.freeze({
    profile,
    minCodePoints: isShorter ? limits.nistMinCodePointsWithFactor : MIN_CODE_POINTS[profile],
    maxCodePoints: limits.maxCodePoints,
    maxBytes: algorithm === "bcrypt" ? limits.bcryptMaxBytes : undefined,
    isComplex: profile === "strict",
    minScore: profile === "nist" ? 0 : limits.strengthMinScore,
  });
}

/**
 * A password as it is counted, hashed and compared: NFC, otherwise untouched (no trimming, no
 * cutting), so that one keyboard's "é" is another's.
 */
export function normalisePassword(password: string): string {
  return password.normalize("NFC");
}

/**
 * What is wrong with a new password by the rules that need no guessing. `words` are the owner's
 * e-mail address, user name and name, and the names of the service. The texts never quote the
 * password.
 */
export function passwordFaults(
  password: string,
  words: readonly string[],
  rules: PasswordRules,
): PasswordFault[] {
  const text = normalisePassword(password);
  const length = Array.from(text).length;
  const { minCodePoints: min, maxCodePoints: max, maxBytes } = rules;
  const faults: PasswordFault[] = [];
  const add = (code: string, message: string) => faults.push({ code, message });
  if (length < min) add("password_short", `must have at least ${min} characters`);
  if (length > max) add("password_long", `must have at most ${max} characters`);
  if (/[\0\p{Cs}]/u.test(text)) add("password_characters", "must be well-formed text");
  if (maxBytes !== undefined && Buffer.byteLength(text) > maxBytes) {
    add("password_long", `must have at most ${maxBytes} bytes`);
  }
  if (rules.isComplex && !isComplex(text)) {
    add("password_simple", "must have lower and upper case letters, digits and other characters");
  }
  if (restsOnWord(text, words)) {
    add("password_personal", "must not consist of the e-mail address, a name or our own name");
  }
  return faults;
}

/** What is wrong with a password that is guessed too easily. */
export function guessingFaults(
  { score, isCommon }: PasswordAssessment,
  rules: PasswordRules,
): PasswordFault[] {
  const faults: PasswordFault[] = [];
  if (isCommon) faults.push({ code: "password_common", message: "is among the most used ones" });
  if (score < rules.minScore) {
    const message = "is too easy to guess; take a longer or less usual one";
    faults.push({ code: "password_weak", message });
  }
  return faults;
}

/** True for a text with all four kinds of characters. */
export function isComplex(text: string): boolean {
  return [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}]/u].every((kind) => kind.test(text));
}

/** True if little is left of the password without one of the names. */
function restsOnWord(text: string, words: readonly string[]): boolean {
  const folded = text.toLowerCase();
  return words
    .flatMap((word) => [word, word.split("@")[0]!])
    .map((word) => word.normalize("NFC").toLowerCase())
    .filter((word) => word.length >= limits.identifierMinCharacters)
    .some(
      (word) =>
        folded.includes(word) &&
        Array.from(folded.replaceAll(word, "")).length < limits.standardMinCodePoints,
    );
}
