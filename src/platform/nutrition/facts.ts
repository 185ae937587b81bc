import { NUTRIENTS, type MeasureUnit, type NutrientName } from "./nutrients.ts";
import { convert } from "./units.ts";

/** One nutrient as a caller may send it: a bare number is in the default unit. */
export type NutrientInput =
  | number
  | null
  | { readonly value?: number | null; readonly unit?: MeasureUnit | null };

export type NutriFactsInput = Readonly<Partial<Record<NutrientName, NutrientInput>>>;

/** An amount in its own unit. */
export interface NutrientAmount {
  readonly value: number;
  readonly unit: MeasureUnit;
}

/** What is known of the nutrients of something; those that are not given are left out. */
export type NutriFacts = Readonly<Partial<Record<NutrientName, NutrientAmount>>>;

/** What a caller sent. The schema has checked names, numbers and units. */
export function readNutriFacts(input: NutriFactsInput): NutriFacts {
  const facts: Partial<Record<NutrientName, NutrientAmount>> = {};
  for (const [name, defaultUnit] of NUTRIENTS) {
    const given = input[name];
    if (given === undefined || given === null) continue;
    const value = typeof given === "number" ? given : (given.value ?? 0);
    const unit = typeof given === "number" ? defaultUnit : (given.unit ?? defaultUnit);
    // `-0` is not JSON's idea of zero.
    facts[name] = { value: value === 0 ? 0 : value, unit };
  }
  return facts;
}

/** The amount in the nutrient's default unit; undefined where it is not given or not convertible. */
export function inDefaultUnit(facts: NutriFacts, name: NutrientName): number | undefined {
  const amount = facts[name];
  const unit = NUTRIENTS.find(([known]) => known === name)![1];
  return amount && convert(amount.value, amount.unit, unit);
}

/**
 * Sums nutrient by nutrient. Amounts come together in the unit of the first one that is of the
 * nutrient's own kind, units of one kind converted; an amount that cannot be converted to it (g of
 * calories) is left out, wherever it stands. Null: nothing to sum.
 */
export function sumNutriFacts(all: readonly (NutriFacts | null)[]): NutriFacts | null {
  const known = all.filter((facts) => facts !== null);
  if (known.length === 0) return null;
  const sums: Partial<Record<NutrientName, NutrientAmount>> = {};
  for (const [name, defaultUnit] of NUTRIENTS) {
    const amounts = known.flatMap((facts) => facts[name] ?? []);
    const ofOwnKind = amounts.find((amount) => convert(1, amount.unit, defaultUnit) !== undefined);
    const unit = (ofOwnKind ?? amounts[0])?.unit;
    if (unit === undefined) continue;
    const converted = amounts.flatMap((one) => convert(one.value, one.unit, unit) ?? []);
    sums[name] = { value: converted.reduce((sum, value) => sum + value, 0), unit };
  }
  return sums;
}

/** Shares of the three macronutrients on their grams, and kcal in 100 g; null where not known. */
export interface MacroDivision {
  readonly calorieDensity: number | null;
  readonly carboPercentage: number | null;
  readonly proteinPercentage: number | null;
  readonly totalFatPercentage: number | null;
}

export function macroDivision(
  facts: NutriFacts | null,
  weightInGrams: number | null,
): MacroDivision {
  const of = (name: NutrientName) => (facts === null ? 0 : (inDefaultUnit(facts, name) ?? 0));
  const [carbohydrate, protein, fat] = [of("carbohydrate"), of("protein"), of("total_fat")];
  const sum = carbohydrate + protein + fat;
  const share = (part: number) => (sum > 0 ? (part / sum) * 100 : null);
  const calories = facts === null ? undefined : inDefaultUnit(facts, "calories");
  return {
    calorieDensity:
      calories === undefined || !weightInGrams ? null : (calories / weightInGrams) * 100,
    carboPercentage: share(carbohydrate),
    proteinPercentage: share(protein),
    totalFatPercentage: share(fat),
  };
}
