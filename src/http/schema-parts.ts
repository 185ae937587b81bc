import type { TProperties, TSchema } from "typebox";
import { nutritionLimits } from "../platform/limits.ts";
import { MEASURE_UNITS, NUTRIENTS } from "../platform/nutrition/nutrients.ts";
import type { NutrientInput, NutriFactsInput } from "../platform/nutrition/facts.ts";
import { pagination } from "./paging.ts";
import { Type } from "./schema.ts";

/*
 * Parts of schemas that several contexts use. `type: [… , "null"]` and not a union: one fault for
 * one broken rule.
 */
export function nullable<T>(type: string, rules: object = {}) {
  return Type.Unsafe<T | null>({ type: [type, "null"], ...rules });
}
export const nullableText = (maxLength: number) => nullable<string>("string", { maxLength });
/** So that sums and conversions stay finite. */
const amount = { minimum: 0, maximum: nutritionLimits.amountMax };
export const nullableAmount = (rules: object = {}) =>
  nullable<number>("number", { ...amount, ...rules });
export const nullableUuid = () => nullable<string>("string", { format: "uuid" });
export const nullableBoolean = () => nullable<boolean>("boolean");

export function optional<P extends TProperties>(properties: P) {
  return Type.Partial(Type.Object(properties)).properties;
}

const nutrientInput = Type.Unsafe<NutrientInput>({
  type: ["number", "object", "null"],
  description: "A number in the default unit, or a value with its unit",
  ...amount,
  additionalProperties: false,
  properties: {
    value: nullableAmount(),
    unit: { enum: [...MEASURE_UNITS, null] },
  },
});

export const nutrientInputs = {
  additionalProperties: false,
  properties: Object.fromEntries(NUTRIENTS.map(([name]) => [name, nutrientInput])),
};
export const nutriFactsInput = Type.Unsafe<NutriFactsInput>({ type: "object", ...nutrientInputs });

const nutrient = Type.Object({
  unit: Type.Enum([...MEASURE_UNITS]),
  value: Type.Number({ minimum: 0 }),
});

/** All nutrients as they are read, or null. */
export const nutriFactsView = Type.Union([
  Type.Object(Object.fromEntries(NUTRIENTS.map(([name]) => [name, nutrient]))),
  Type.Null(),
]);

/** `{"data": …}`. */
export function enveloped<S extends TSchema>(data: S) {
  return Type.Object({ data });
}

export function listed<S extends TSchema>(one: S) {
  return Type.Object({ data: Type.Array(one), pagination });
}
