import type { Static } from "typebox";
import { closed, Type, uuid } from "../../http/schema.ts";
import { nullable, nullableText, nullableUuid } from "../../http/schema-parts.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { mealLimits as limits } from "../../platform/limits.ts";
import { MEASURE_UNITS, type MeasureUnit } from "../../platform/nutrition/nutrients.ts";
import { readTexts } from "./recipe-texts.ts";

/** A line of a recipe. Two lines may have the same name: the place tells them apart. */
export interface Ingredient {
  readonly name: string;
  readonly quantity: number;
  readonly unit: MeasureUnit;
  readonly position: number;
  readonly full_text: string | null;
  /** A product of the catalogue, or of somebody's own. */
  readonly product_id: string | null;
}

const place = Type.Integer({ minimum: 0, maximum: limits.ingredientPositionMax });

/** A line as it is sent. */
export const ingredientInput = closed({
  name: Type.String({ minLength: 1, maxLength: limits.ingredientNameCharactersMax }),
  quantity: Type.Number({ exclusiveMinimum: 0, maximum: limits.quantityMax }),
  unit: Type.Enum([...MEASURE_UNITS]),
  position: place,
  full_text: Type.Optional(nullableText(limits.textCharactersMax)),
  product_id: Type.Optional(nullableUuid()),
});

/** A line as it is read. */
export const ingredientView = Type.Object({
  name: Type.String(),
  quantity: Type.Number(),
  unit: Type.Enum([...MEASURE_UNITS]),
  position: place,
  full_text: nullable<string>("string"),
  product_id: Type.Union([uuid, Type.Null()]),
});

const TEXTS = {
  name: { charactersMax: limits.ingredientNameCharactersMax, isRequired: true },
  full_text: { charactersMax: limits.textCharactersMax, hasLines: true },
} as const;

/** The lines of a recipe in their order. Their places must be 0, 1, 2 … */
export function readIngredients(
  lines: readonly Static<typeof ingredientInput>[],
  path: string,
  faults: FieldFault[],
): Ingredient[] {
  const ingredients = lines.map((line, index): Ingredient => {
    const { name, full_text } = readTexts(line, TEXTS, `${path}/${index}`, faults);
    return {
      name: name ?? "",
      quantity: line.quantity,
      unit: line.unit,
      position: line.position,
      full_text: full_text ?? null,
      product_id: line.product_id ?? null,
    };
  });
  const ordered = ingredients.toSorted((one, other) => one.position - other.position);
  if (ordered.some(({ position }, index) => position !== index)) {
    const message = "must have the positions 0, 1, 2 … without a gap";
    faults.push({ path, code: "positions", message });
  }
  return ordered;
}
