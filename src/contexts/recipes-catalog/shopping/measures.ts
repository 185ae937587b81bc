import { convert, unitKind } from "../../../platform/nutrition/units.ts";
import type { MeasureUnit } from "../../../platform/nutrition/nutrients.ts";

/** What a product says about its own weight; null, zero and what nobody believes are unknown. */
export interface Densities {
  readonly kg_per_unit: number | null;
  readonly liters_per_kg: number | null;
}

const FACTOR_MIN = 1e-6;
const FACTOR_MAX = 1e6;

/**
 * A factor that can be divided by, or undefined. Beyond a million to one it is a slip of the pen,
 * and would make amounts that no number can hold.
 */
export function believed(factor: number | null): number | undefined {
  const isBelieved = factor !== null && factor >= FACTOR_MIN && factor <= FACTOR_MAX;
  return isBelieved ? factor : undefined;
}

/** In grams: masses, units of a known weight, and volumes of a known density. */
export function inGrams(amount: number, unit: MeasureUnit, product: Densities): number | undefined {
  const grams = convert(amount, unit, "g");
  if (grams !== undefined) return grams;
  const units = convert(amount, unit, "un");
  const kgPerUnit = believed(product.kg_per_unit);
  if (units !== undefined) return kgPerUnit && units * kgPerUnit * 1_000;
  const ml = convert(amount, unit, "ml");
  const mlPerGram = believed(product.liters_per_kg);
  return ml === undefined ? undefined : mlPerGram && ml / mlPerGram;
}

/** In millilitres: volumes, and what has a weight when the density is known. */
export function inMillilitres(
  amount: number,
  unit: MeasureUnit,
  product: Densities,
): number | undefined {
  const ml = convert(amount, unit, "ml");
  if (ml !== undefined) return ml;
  const grams = inGrams(amount, unit, product);
  const mlPerGram = believed(product.liters_per_kg);
  return grams === undefined ? undefined : mlPerGram && grams * mlPerGram;
}

/** The amount in the unit of a line, or undefined when nothing leads there. */
export function inLineUnit(
  amount: number,
  unit: MeasureUnit,
  line: MeasureUnit,
  product: Densities,
): number | undefined {
  if (line === "g") return inGrams(amount, unit, product);
  if (line === "ml") return inMillilitres(amount, unit, product);
  return convert(amount, unit, line);
}

/**
 * The unit of the line that an amount of a product goes to. A volume stays one as long as nothing
 * of the product is asked for by weight.
 */
export function lineUnit(unit: MeasureUnit, product: Densities, hasWeights: boolean): MeasureUnit {
  const isVolume = unitKind(unit) === "volume";
  if (isVolume && !(hasWeights && believed(product.liters_per_kg) !== undefined)) return "ml";
  return inGrams(1, unit, product) === undefined ? unit : "g";
}

/**
 * Three decimals, and never fewer than six digits: a pinch of a pinch does not become nothing, and
 * a tonne keeps its grams.
 */
export function rounded(amount: number): number {
  if (amount === 0) return 0;
  const decimals = Math.max(3, 5 - Math.floor(Math.log10(Math.abs(amount))));
  return Number(amount.toFixed(Math.min(decimals, 100)));
}

/** A sum that does not depend on the order of what is added. */
export function sumOf(amounts: readonly number[]): number {
  return amounts.toSorted((a, b) => a - b).reduce((sum, amount) => sum + amount, 0);
}
