import type { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { passwordLimits as limits } from "../../platform/limits.ts";
import { normalisePassword } from "./policy.ts";

/** What guessing would make of a password. */
export interface PasswordAssessment {
  /** From 0 (guessed at once) to 4 (zxcvbn). */
  readonly score: number;
  /** It is in the list of passwords that everybody tries first. */
  readonly isCommon: boolean;
}

interface Guesser {
  readonly factory: ZxcvbnFactory;
  readonly common: ReadonlySet<string>;
}

let guesser: Promise<Guesser> | undefined;

/**
 * How well a password resists guessing. Only its first characters are looked at for the score: the
 * time grows fast with the length, and what they are worth only grows with more. Blocks the thread
 * for milliseconds; the dictionaries are loaded at the first call.
 */
export async function assessPassword(
  password: string,
  words: readonly string[],
): Promise<PasswordAssessment> {
  const { strengthMaxCharacters: max, strengthMaxWords } = limits;
  guesser ??= loadGuesser();
  const { factory, common } = await guesser;
  const text = normalisePassword(password);
  const beginning = Array.from(text).slice(0, max).join("");
  const parts = words.flatMap((word) => word.slice(0, max).split(/[@.\s_-]+/));
  const known = [...words.map((word) => word.slice(0, max)), ...parts].slice(0, strengthMaxWords);
  return {
    score: factory.check(beginning, known).score,
    isCommon: common.has(text.toLowerCase()),
  };
}

async function loadGuesser(): Promise<Guesser> {
  const [core, common, english] = await Promise.all([
    import("@zxcvbn-ts/core"),
    import("@zxcvbn-ts/language-common"),
    import("@zxcvbn-ts/language-en"),
  ]);
  const factory = new core.ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    // With it a check takes up to half a second.
    useLevenshteinDistance: false,
  });
  const list = common.dictionary["passwords-common"] as readonly string[];
  return { factory, common: new Set(list) };
}
