import type { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { passwordLimits as limits } from "../../platform/limits.ts";
import { normalisePassword } from "./policy.ts";

let guesser: Promise<ZxcvbnFactory> | undefined;

/**
 * How well a password resists guessing, 0 to 4 (zxcvbn). Only its first characters are looked at:
 * the time grows fast with the length, and what they are worth only grows with more. Blocks the
 * thread for milliseconds; the dictionaries are loaded at the first call.
 */
export async function passwordStrength(
  password: string,
  identifiers: readonly string[],
): Promise<number> {
  const { strengthMaxCharacters: max } = limits;
  guesser ??= loadGuesser();
  const text = Array.from(normalisePassword(password)).slice(0, max).join("");
  const words = identifiers.flatMap((identifier) => identifier.slice(0, max).split(/[@.\s_-]+/));
  return (await guesser).check(text, [...identifiers, ...words]).score;
}

async function loadGuesser(): Promise<ZxcvbnFactory> {
  const [core, common, english] = await Promise.all([
    import("@zxcvbn-ts/core"),
    import("@zxcvbn-ts/language-common"),
    import("@zxcvbn-ts/language-en"),
  ]);
  return new core.ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    // With it a check takes up to half a second.
    useLevenshteinDistance: false,
  });
}
