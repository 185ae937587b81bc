import { mealLimits } from "../../platform/limits.ts";
import { createRecent } from "../../platform/recent.ts";
import type { NutriFacts } from "../../platform/nutrition/facts.ts";
import { NUTRIENTS, type NutrientName } from "../../platform/nutrition/nutrients.ts";

/** JSON text never holds it: between two of them the database leaves facts as they are stored. */
const MARK = "\u0001";

// What was written lately and is read again is the same text, letter for letter.
const written = createRecent<string>(
  mealLimits.keptCharactersMax,
  (text, full) => text.length + full.length,
);

/** As `writeAllFacts`, for texts that are read again: what was written for them is kept. */
export function withAllFacts(text: string): string {
  if (!text.includes(MARK)) return text;
  const known = written.get(text);
  if (known !== undefined) return known;
  const full = writeAllFacts(text);
  written.set(text, full);
  return full;
}

/** @internal */
export const keptCharacters = (): number => written.weight();

/** JSON text of the database, with all 83 nutrients in place of those that are given. */
export function writeAllFacts(text: string): string {
  const pieces = text.split(MARK);
  const parts: string[] = [];
  for (const [at, piece] of pieces.entries()) {
    if (at % 2 === 0) parts.push(piece);
    else addFacts(parts, JSON.parse(piece) as NutriFacts);
  }
  return parts.join("");
}

// All nutrients as they are when none is given: the text is cut where one is. Few are, and to
// write all 83 for each of the rows of a list would cost more than the rest of the request.
const NONE_GIVEN = NUTRIENTS.map(
  ([name, unit]) => `"${name}":${JSON.stringify({ unit, value: 0 })}`,
);
const TEXT = `{${NONE_GIVEN.join(",")}}`;
const PLACES = new Map<string, { readonly from: number; readonly to: number }>();
for (const [at, [name]] of NUTRIENTS.entries()) {
  const from = at === 0 ? 1 : PLACES.get(NUTRIENTS[at - 1]![0])!.to + 1;
  PLACES.set(name, { from, to: from + NONE_GIVEN[at]!.length });
}

function addFacts(parts: string[], facts: NutriFacts): void {
  const given = (Object.keys(facts) as NutrientName[]).filter((name) => PLACES.has(name));
  // The database has them in an order of its own.
  const inPlace = given.toSorted((one, other) => PLACES.get(one)!.from - PLACES.get(other)!.from);
  let end = 0;
  for (const name of inPlace) {
    const { from, to } = PLACES.get(name)!;
    parts.push(TEXT.slice(end, from), `"${name}":${JSON.stringify(facts[name])}`);
    end = to;
  }
  parts.push(TEXT.slice(end));
}
