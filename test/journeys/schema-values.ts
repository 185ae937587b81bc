import fc from "fast-check";
import { isAnything, typesOf, type JsonSchema, type Path } from "./json-schema.ts";
import { NAUGHTY } from "./naughty.ts";

/** The least value that a schema takes, always the same. */
export function sampleOf(schema: JsonSchema): any {
  const { const: value, enum: values, anyOf, format, pattern } = schema;
  if (value !== undefined) return value;
  if (values !== undefined) return values[0];
  if (anyOf !== undefined) return sampleOf(anyOf[0]!);
  switch (typesOf(schema)[0]) {
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sampleOf(schema.properties?.[name] ?? {})]),
      );
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items ?? {}));
    case "integer":
    case "number":
      return schema.minimum ?? (schema.exclusiveMinimum === undefined ? 1 : leastOver(schema));
    case "boolean":
      return true;
    case "string":
      if (format === "uuid") return "00000000-0000-7000-8000-00000000ffff";
      if (format === "date-time") return "2026-02-28T10:20:30.000Z";
      if (pattern !== undefined) return fc.sample(matching(pattern, schema), SAME)[0];
      return "x".repeat(Math.max(1, schema.minLength ?? 1));
    default:
      return null;
  }
}

const SAME = { seed: 1, numRuns: 1 };
const leastOver = ({ exclusiveMinimum: bound = 0, maximum = bound + 2 }: JsonSchema) =>
  (bound + maximum) / 2;

/** Undefined leaves a member out. */
type Fixed = fc.Arbitrary<unknown> | undefined;

/** What the schema does not say of a member. */
export interface Rules {
  /** Its values, or that it is left out. */
  valuesOf(name: string, path: Path, schema: JsonSchema): Fixed | "as the schema says";
  /** It must be there. */
  isNeeded(path: Path): boolean;
}
export const NO_RULES: Rules = { valuesOf: () => "as the schema says", isNeeded: () => false };

/** Values that a schema takes; texts are such as are stored as they are sent. */
export function validValues(schema: JsonSchema, rules: Rules, path: Path = []): fc.Arbitrary<any> {
  const { const: value, enum: values, anyOf } = schema;
  if (value !== undefined) return fc.constant(value);
  if (values !== undefined) return fc.constantFrom(...values);
  if (anyOf !== undefined) return fc.oneof(...anyOf.map((one) => validValues(one, rules, path)));
  if (isAnything(schema)) return fc.json().map((text) => JSON.parse(text) as unknown);
  return fc.oneof(...typesOf(schema).map((type) => valuesOfType(type, schema, rules, path)));
}

function valuesOfType(
  type: string,
  schema: JsonSchema,
  rules: Rules,
  path: Path,
): fc.Arbitrary<unknown> {
  switch (type) {
    case "object":
      return objects(schema, rules, path);
    case "array":
      return arrays(schema, rules, path);
    case "integer":
      return integers(schema);
    case "number":
      return numbers(schema);
    case "boolean":
      return fc.boolean();
    case "string":
      return texts(schema);
    default:
      return fc.constant(null);
  }
}

function objects(schema: JsonSchema, rules: Rules, path: Path): fc.Arbitrary<object> {
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  const needed = [...(schema.required ?? [])];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const place = [...path, name];
    const rule = rules.valuesOf(name, place, property);
    const inner = rule === "as the schema says" ? validValues(property, rules, place) : rule;
    if (inner !== undefined) members[name] = inner;
    if (rules.isNeeded(place)) needed.push(name);
  }
  const requiredKeys = needed.filter((name) => name in members);
  return fc.record(members, { requiredKeys, noNullPrototype: true });
}

function arrays(schema: JsonSchema, rules: Rules, path: Path): fc.Arbitrary<unknown[]> {
  const { items = {}, minItems: minLength = 0, maxItems = 3 } = schema;
  const maxLength = Math.max(minLength, Math.min(3, maxItems));
  const inner = validValues(items, rules, [...path, 0]);
  return schema.uniqueItems === true
    ? fc.uniqueArray(inner, { minLength, maxLength })
    : fc.array(inner, { minLength, maxLength });
}

function integers(schema: JsonSchema): fc.Arbitrary<number> {
  const { minimum: min = -(2 ** 31), maximum: max = 2 ** 31 - 1 } = schema;
  return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max), near(min, max));
}

const near = (min: number, max: number) => fc.integer({ min, max: Math.min(max, min + 100) });

function numbers(schema: JsonSchema): fc.Arbitrary<number> {
  const { exclusiveMinimum: least, exclusiveMaximum: most } = schema;
  const { minimum: min = least ?? -1e12, maximum: max = most ?? 1e12 } = schema;
  const isIn = (value: number) => value !== least && value !== most;
  return fc
    .oneof(
      fc.double({ min, max, noNaN: true }),
      fc.constantFrom(min, max),
      near(Math.ceil(min), Math.floor(max)),
      // As a person writes them.
      fc.integer({ min: Math.ceil(min), max: Math.min(max, 1e6) }).map((whole) => whole / 100),
    )
    .filter((value) => isIn(value) && value >= min && value <= max)
    .map((value) => (value === 0 ? 0 : value));
}

const INSTANTS = { min: new Date("1900-01-01"), max: new Date("2100-01-01") };

const isPlain = (text: string) => text !== "" && text.trim() === text && cleanLine.test(text);
const cleanLine = /^[^\p{Cc}\p{Surrogate}]*$/u;
/** Unicode keeps them apart, and so must the server. */
const GOOD = NAUGHTY.filter(isPlain);

/** Texts of a pattern; too short a one is said again until it is long enough. */
function matching(pattern: string, schema: JsonSchema): fc.Arbitrary<string> {
  const { minLength: least = 0, maxLength: most = Infinity } = schema;
  const rule = new RegExp(pattern);
  return fc
    .stringMatching(rule)
    .map((text) => text.repeat(Math.max(1, Math.ceil(least / Math.max(1, text.length)))))
    .filter((text) => rule.test(text) && text.length >= least && text.length <= most);
}

function texts(schema: JsonSchema): fc.Arbitrary<string> {
  const { format, pattern, minLength: least = 0, maxLength: most = 1_000 } = schema;
  if (format === "uuid") return fc.uuid();
  if (format === "date-time")
    return fc.date({ ...INSTANTS, noInvalidDate: true }).map((at) => at.toISOString());
  if (pattern !== undefined) return matching(pattern, schema);
  const fits = (text: string) => {
    const length = Array.from(text).length;
    return length >= least && length <= most;
  };
  const longest = fc.constantFrom("x", "🍚", "ç").map((letter) => letter.repeat(most));
  return fc
    .oneof(
      { weight: 6, arbitrary: fc.constantFrom(...GOOD.filter(fits), "a") },
      { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: Math.min(most, 40) }) },
      { weight: 1, arbitrary: longest },
    )
    .filter((text) => isPlain(text) && fits(text));
}
