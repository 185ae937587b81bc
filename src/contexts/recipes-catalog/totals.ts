import {
  inDefaultUnit,
  macroDivision,
  sumNutriFacts,
  type NutriFacts,
} from "../../platform/nutrition/facts.ts";
import type { NutrientName } from "../../platform/nutrition/nutrients.ts";

/** Nutrients that lists are narrowed or sorted by, in their default units. */
const COMPARED = [
  "calories",
  "protein",
  "carbohydrate",
  "total_fat",
  "saturated_fat",
  "trans_fat",
  "dietary_fiber",
  "sugar",
  "sodium",
] as const satisfies readonly NutrientName[];

/** What is derived of nutrition facts and a weight, and stored beside them. */
export type Derived = Readonly<
  Record<
    | (typeof COMPARED)[number]
    | "calorie_density"
    | "carbo_percentage"
    | "protein_percentage"
    | "total_fat_percentage",
    number | null
  >
>;

// Not given reads as 0, and 0 is a density.
const NO_CALORIES: NutriFacts = { calories: { value: 0, unit: "kcal" } };

export function derivedOf(facts: NutriFacts | null, weightInGrams: number | null): Derived {
  const division = macroDivision(facts && { ...NO_CALORIES, ...facts }, weightInGrams);
  // What is not given reads as 0; what cannot be told in the default unit is not comparable.
  const amounts = COMPARED.map((name) => {
    if (facts === null) return [name, null];
    return [name, facts[name] === undefined ? 0 : (inDefaultUnit(facts, name) ?? null)];
  });
  return {
    ...(Object.fromEntries(amounts) as Record<(typeof COMPARED)[number], number | null>),
    calorie_density: division.calorieDensity,
    carbo_percentage: division.carboPercentage,
    protein_percentage: division.proteinPercentage,
    total_fat_percentage: division.totalFatPercentage,
  };
}

/** What a recipe adds to its meal. */
export interface Portion {
  readonly nutri_facts: NutriFacts | null;
  readonly weight_in_grams: number | null;
  readonly total_time: number | null;
}

export interface MealTotals extends Derived {
  readonly nutri_facts: NutriFacts | null;
  readonly weight_in_grams: number;
  readonly total_time: number | null;
}

/**
 * Facts and weights are added, unknown ones left out; recipes are cooked side by side, so the
 * longest time counts.
 */
export function totalsOf(portions: readonly Portion[]): MealTotals {
  const facts = sumNutriFacts(portions.map((portion) => portion.nutri_facts));
  const weight = portions.reduce((sum, portion) => sum + (portion.weight_in_grams ?? 0), 0);
  const times = portions.flatMap((portion) => portion.total_time ?? []);
  return {
    nutri_facts: facts,
    weight_in_grams: weight,
    total_time: times.length === 0 ? null : Math.max(...times),
    ...derivedOf(facts, weight),
  };
}
