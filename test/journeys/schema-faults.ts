import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/schema";
import {
  isAnything,
  pointerOf,
  typesOf,
  withPlace,
  type JsonSchema,
  type Path,
} from "./json-schema.ts";
import { sampleOf } from "./schema-values.ts";

/** A good body with one place changed. */
export interface Variant {
  readonly what: string;
  readonly path: Path;
  /** The text to send; `NaN` and `1e400` are no values of ours. */
  raw(): string;
  /** By the schema alone. */
  isWrong(): boolean;
}

/** A place of a body, with what may stand there. */
export interface Spot {
  readonly path: Path;
  readonly schema: JsonSchema;
  /** What stands there in a good body, or could. */
  readonly value: unknown;
  /** A good body in which all that leads to the place is there. */
  readonly body: unknown;
}

/** Every member and every first item of a body, however deep; the body itself is the first. */
export function spotsOf(schema: JsonSchema, good: unknown): Spot[] {
  return spotsIn({ path: [], schema, value: good, body: good });
}

function spotsIn(spot: Spot): Spot[] {
  const { path, schema, value, body } = spot;
  const inside = (key: string | number, own: JsonSchema): Spot[] => {
    const given = (value as any)?.[key];
    const inner = { path: [...path, key], schema: own, value: given ?? sampleOf(own), body };
    const around = value === null || value === undefined ? sampleOf(schema) : value;
    return spotsIn({ ...inner, body: withPlace(body, path, around) });
  };
  return [
    spot,
    ...(schema.anyOf ?? []).flatMap((one) => spotsIn({ ...spot, schema: one }).slice(1)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, own]) => inside(name, own)),
    ...(schema.items === undefined ? [] : inside(0, schema.items)),
  ];
}

const MARK = "\u0000here";
const ANY = [
  "null",
  "true",
  "0",
  "-1",
  "1.5",
  "-0",
  "2147483648",
  "9007199254740993",
  "1e308",
  "1e400",
  "-1e400",
  '""',
  '"x"',
  '"NaN"',
  "[]",
  "[null]",
  "[[]]",
  "{}",
  '{"a":{}}',
  '["x","x"]',
];

/** A good body with one thing changed, for each of its places and each thing. */
export function variantsOf(schema: JsonSchema, good: unknown): Variant[] {
  let validator: Validator | undefined;
  const isWrong = (raw: string) => {
    validator ??= Compile(schema as TSchema);
    return !validator.Check(JSON.parse(raw));
  };
  return spotsOf(schema, good).flatMap((spot) => {
    const place = `/body${pointerOf(spot.path)}`;
    let around: string[] | undefined;
    const rawWith = (text: string) => {
      around ??= JSON.stringify(withPlace(spot.body, spot.path, MARK)).split(JSON.stringify(MARK));
      return around.join(text);
    };
    return [...new Set(textsAt(spot))].map((text) => ({
      what: `${place} = ${text.length > 60 ? `${text.slice(0, 40)}… (${text.length})` : text}`,
      path: spot.path,
      raw: () => rawWith(text),
      isWrong: () => isWrong(rawWith(text)),
    }));
  });
}

/** What to put into a place, as JSON. */
function textsAt({ schema, value, path }: Spot): string[] {
  if (isAnything(schema)) return ["null", "{}", '"x"'];
  const texts = [...ANY, ...boundariesOf(schema)];
  for (const one of schema.anyOf ?? []) texts.push(...boundariesOf(one));
  if (schema.items !== undefined) texts.push(...listsOf(schema, value));
  if (schema.properties !== undefined) texts.push(...objectsOf(schema, value, path));
  return texts;
}

function boundariesOf(schema: JsonSchema): string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength } = schema;
  const isInteger = typesOf(schema).includes("integer");
  const numbers = [minimum, maximum, exclusiveMinimum, exclusiveMaximum].flatMap((bound) => {
    if (bound === undefined) return [];
    const near = isInteger ? [] : [bound + 1e-9, bound - 1e-9];
    return [bound - 1, bound, bound + 1, ...near];
  });
  const lengths = [minLength, maxLength].flatMap((length) =>
    length === undefined ? [] : [length - 1, length, length + 1],
  );
  const texts = lengths
    .filter((length) => length >= 0)
    .flatMap((length) =>
      (length > 300 ? ["x"] : ["x", "🍚"]).map((letter) => letter.repeat(length)),
    );
  const words = (schema.enum ?? []).filter((word) => typeof word === "string").slice(0, 1);
  const others = words.flatMap((word) => [`${word} `, word.toUpperCase(), `${word}\t`]);
  if (schema.format !== undefined || schema.pattern !== undefined) {
    others.push("00000000-0000-0000-0000-00000000000", "9999-99-99T99:99:99Z", "24:60", "🍚");
  }
  return [...numbers, ...texts, ...others].map((one) => JSON.stringify(one));
}

function listsOf({ items, minItems = 0, maxItems }: JsonSchema, value: unknown): string[] {
  const item = (value as readonly unknown[] | null)?.[0] ?? sampleOf(items!);
  const counts = [minItems - 1, 2, ...(maxItems === undefined ? [] : [maxItems + 1])];
  const lists: unknown[][] = counts
    .filter((count) => count >= 0)
    .map((count) => Array.from({ length: count }, () => item));
  return [...lists, [item, null], [[item]]].map((one) => JSON.stringify(one));
}

function objectsOf({ required = [] }: JsonSchema, value: any, path: Path): string[] {
  const base = value ?? {};
  const objects: object[] = required.map((name) => {
    const { [name]: _left, ...rest } = base;
    return rest;
  });
  objects.push({ ...base, no_such_member: 1 }, [base]);
  // A body may be all of one's own members and nothing of a foreign name.
  if (path.length > 0) objects.push({ ...base, constructor: 1 });
  return objects.map((one) => JSON.stringify(one));
}
