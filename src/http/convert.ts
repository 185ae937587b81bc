import type { TSchema } from "typebox";
import { normaliseUuid } from "../platform/ids.ts";

/** The part of a JSON Schema that decides how text becomes a value. */
export interface Shape {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly additionalProperties?: unknown;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly description?: string;
}

/** Text to value. What does not fit is returned as text; the schema then refuses it. */
export type TextConverter = (text: string) => unknown;

const INTEGER = /^-?\d{1,15}$/;
const NUMBER = /^-?\d{1,15}(?:\.\d{1,15})?$/;

export function shapeOf(schema: TSchema): Shape {
  return schema as Shape;
}

/**
 * How one value of a path or query is read. Strict, because `Value.Convert` takes "" for 0, "1.5"
 * for the integer 1, and "0x10" for 16.
 */
export function textConverter(shape: Shape): TextConverter {
  const options = shape.anyOf ?? shape.oneOf;
  if (options !== undefined) return firstThatFits(options.map(textConverter));
  if (shape.type === "integer") return toInteger;
  if (shape.type === "number") return toNumber;
  if (shape.type === "boolean") return toBoolean;
  if (shape.format === "uuid") return toUuid;
  const literals = shape.enum ?? (shape.const === undefined ? [] : [shape.const]);
  const kinds = new Set(literals.map((literal) => typeof literal));
  if (kinds.has("number")) return toNumber;
  if (kinds.has("boolean")) return toBoolean;
  return (text) => text;
}

function firstThatFits(converters: readonly TextConverter[]): TextConverter {
  return (text) => {
    for (const convert of converters) {
      const value = convert(text);
      if (value !== text) return value;
    }
    return text;
  };
}

function toInteger(text: string): unknown {
  return INTEGER.test(text) ? Number(text) : text;
}

function toNumber(text: string): unknown {
  return NUMBER.test(text) ? Number(text) : text;
}

function toBoolean(text: string): unknown {
  return text === "true" ? true : text === "false" ? false : text;
}

function toUuid(text: string): unknown {
  return normaliseUuid(text) ?? text;
}

type Normaliser = (value: unknown) => unknown;

/**
 * Brings every UUID of a parsed body to its one spelling (dashed, lower case), in place. Undefined
 * when the schema has none, so that such bodies are not walked.
 */
export function uuidNormaliser(shape: Shape): Normaliser | undefined {
  if (shape.format === "uuid")
    return (value) => (typeof value === "string" ? toUuid(value) : value);
  const options = shape.anyOf ?? shape.oneOf;
  if (options !== undefined) return inSequence(options.map(uuidNormaliser));
  if (shape.items !== undefined) return inItems(uuidNormaliser(shape.items));
  return inProperties(shape.properties ?? {});
}

function inSequence(all: readonly (Normaliser | undefined)[]): Normaliser | undefined {
  const normalisers = all.filter((one) => one !== undefined);
  if (normalisers.length === 0) return undefined;
  return (value) => normalisers.reduce((result, normalise) => normalise(result), value);
}

function inItems(normalise: Normaliser | undefined): Normaliser | undefined {
  if (normalise === undefined) return undefined;
  return (value) => (Array.isArray(value) ? value.map(normalise) : value);
}

function inProperties(properties: Readonly<Record<string, Shape>>): Normaliser | undefined {
  const normalisers = Object.entries(properties)
    .map(([name, shape]) => [name, uuidNormaliser(shape)] as const)
    .filter((pair): pair is readonly [string, Normaliser] => pair[1] !== undefined);
  if (normalisers.length === 0) return undefined;
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const record = value as Record<string, unknown>;
    for (const [name, normalise] of normalisers) {
      if (Object.hasOwn(record, name)) record[name] = normalise(record[name]);
    }
    return record;
  };
}
