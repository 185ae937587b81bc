import type { NutriFactsInput } from "../../platform/nutrition/facts.ts";
import { NUTRIENTS, type MeasureUnit } from "../../platform/nutrition/nutrients.ts";

/** Nutrition facts as the table holds them. */
export interface StoredNutriFacts {
  /** One amount for each of NUTRIENTS, in its own unit; null: not given. */
  readonly amounts: readonly (number | null)[];
  /** Units that are not the default, by nutrient. */
  readonly units: Readonly<Record<string, MeasureUnit>>;
}

/** What a caller sent as table values. The schema has checked names, numbers and units. */
export function toStoredNutriFacts(facts: NutriFactsInput): StoredNutriFacts {
  const units: Record<string, MeasureUnit> = {};
  const amounts = NUTRIENTS.map(([name, defaultUnit]) => {
    const given = facts[name];
    if (given === undefined || given === null) return null;
    if (typeof given === "number") return positiveZero(given);
    if (given.unit && given.unit !== defaultUnit) units[name] = given.unit;
    return positiveZero(given.value ?? 0);
  });
  return { amounts, units };
}

/** Changes some nutrients: absent keys stay, null goes back to "not given". */
export function mergeNutriFacts(
  stored: StoredNutriFacts | null,
  changes: NutriFactsInput,
): StoredNutriFacts {
  if (stored === null) return toStoredNutriFacts(changes);
  const changed = toStoredNutriFacts(changes);
  const units: Record<string, MeasureUnit> = {};
  const amounts = NUTRIENTS.map(([name], index) => {
    const isChanged = changes[name] !== undefined;
    const unit = (isChanged ? changed : stored).units[name];
    if (unit !== undefined) units[name] = unit;
    return (isChanged ? changed : stored).amounts[index] ?? null;
  });
  return { amounts, units };
}

/** `-0` would come back as `-0` from float8 and is not JSON's idea of zero. */
function positiveZero(value: number): number {
  return value === 0 ? 0 : value;
}

// The parts of the JSON text that never change, made once: a list of 200 products writes 16 600
// of these values.
const HEADS = NUTRIENTS.map(
  ([name, unit], index) =>
    `${index === 0 ? "" : ","}${JSON.stringify(name)}:{"unit":${JSON.stringify(unit)},"value":`,
);
const NOT_GIVEN = HEADS.map((head) => `${head}0}`);

/**
 * The JSON text of all 83 nutrients.
 * @param amounts PostgreSQL's text of the amounts, comma separated, empty where not given.
 *   float8 prints as a JSON number, because the domain refuses NaN and infinity.
 */
export function nutriFactsJson(
  amounts: string,
  units: Readonly<Record<string, MeasureUnit>>,
): string {
  const json = inDefaultUnits(amounts);
  return hasKeys(units) ? withUnits(json, units) : json;
}

function inDefaultUnits(amounts: string): string {
  const given = amounts.split(",");
  const parts = HEADS.map((head, index) =>
    given[index] === "" ? NOT_GIVEN[index] : `${head}${given[index]}}`,
  );
  return `{${parts.join("")}}`;
}

function hasKeys(units: object): boolean {
  for (const _ in units) return true;
  return false;
}

/** Rare: some nutrient is not in its default unit. */
function withUnits(json: string, units: Readonly<Record<string, MeasureUnit>>): string {
  const facts = JSON.parse(json) as Record<string, { unit: string; value: number }>;
  for (const [name, unit] of Object.entries(units))
    facts[name] = { unit, value: facts[name]!.value };
  return JSON.stringify(facts);
}

/** The amounts of a row, from the text described at `nutriFactsJson`. */
export function amountsOf(text: string): (number | null)[] {
  return text.split(",").map((amount) => (amount === "" ? null : Number(amount)));
}
