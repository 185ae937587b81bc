import { randomInt } from "node:crypto";
import { generatorLimits as limits } from "../../platform/limits.ts";
import { isComplex, type PasswordRules } from "./policy.ts";

/** `simple`: letters and digits; `full`: lower and upper case, digits and others, of each some. */
export type Complexity = "simple" | "full";

export interface GeneratorRequest {
  readonly length?: number | undefined;
  readonly complexity?: Complexity | undefined;
}

// Without 0 O o 1 l I |, which are read as one another.
const LOWER = "abcdefghijkmnpqrstuvwxyz";
const UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS = "23456789";
// Those that need no escape in a shell, a form or a URL.
const OTHERS = "-_.~+=@#%:";
const SIMPLE = LOWER + UPPER + DIGITS;
const FULL = SIMPLE + OTHERS;

/** The shortest one that is made for these rules. */
export function shortestGenerated(rules: PasswordRules): number {
  return Math.max(limits.minCharacters, rules.minCodePoints);
}

/**
 * A password out of the system's randomness, each character by itself, that meets the rules. Where
 * all four kinds are asked for, whatever lacks one is thrown away whole: every password that has
 * them is equally likely.
 */
export function generatePassword(request: GeneratorRequest, rules: PasswordRules): string {
  const length = Math.max(request.length ?? limits.usualCharacters, shortestGenerated(rules));
  const isFull = rules.isComplex || (request.complexity ?? "full") === "full";
  const alphabet = isFull ? FULL : SIMPLE;
  for (;;) {
    let password = "";
    for (let i = 0; i < length; i++) password += alphabet[randomInt(alphabet.length)]!;
    if (!isFull || isComplex(password)) return password;
  }
}
