import type * as Typebox from "typebox";

/*
 * The constructors of JSON Schemas, with typebox's names and its types. What they make is plain
 * JSON Schema, so its own constructors, 370 files, need not be loaded to describe a route: they
 * took a third of the time in which a thread starts.
 */
type Constructors = Pick<
  typeof Typebox,
  | "Any"
  | "Array"
  | "Boolean"
  | "Enum"
  | "Integer"
  | "Literal"
  | "Null"
  | "Number"
  | "Object"
  | "Optional"
  | "Partial"
  | "Record"
  | "String"
  | "Union"
  | "Unknown"
  | "Unsafe"
>;

type Json = Readonly<Record<string, unknown>>;

/** Not enumerable, so that neither JSON nor a spread copy sees it. */
const OPTIONAL = "~optional";
/** Any name of a property. */
const ANY_NAME = "^.*$";

const of =
  (type: string) =>
  (options: Json = {}) => ({ type, ...options });

function optional(schema: Json): Json {
  return Object.defineProperty({ ...schema }, OPTIONAL, { value: true });
}

function object(properties: Readonly<Record<string, Json>>, options: Json = {}): Json {
  const required = Object.keys(properties).filter((name) => !(OPTIONAL in properties[name]!));
  return {
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    properties,
    ...options,
  };
}

function partial(schema: Json, options: Json = {}): Json {
  const properties = schema["properties"] as Readonly<Record<string, Json>>;
  return object(
    Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, optional(one)])),
    options,
  );
}

const constructors: { [name in keyof Constructors]: unknown } = {
  Any: (options?: Json) => ({ ...options }),
  Array: (items: Json, options?: Json) => ({ type: "array", items, ...options }),
  Boolean: of("boolean"),
  Enum: (values: readonly unknown[], options?: Json) => ({ enum: values, ...options }),
  Integer: of("integer"),
  Literal: (value: unknown, options?: Json) => ({ type: typeof value, const: value, ...options }),
  Null: of("null"),
  Number: of("number"),
  Object: object,
  Optional: optional,
  Partial: partial,
  Record: (_key: Json, value: Json, options?: Json) => ({
    type: "object",
    patternProperties: { [ANY_NAME]: value },
    ...options,
  }),
  String: of("string"),
  Union: (schemas: readonly Json[], options?: Json) => ({ anyOf: schemas, ...options }),
  Unknown: (options?: Json) => ({ ...options }),
  Unsafe: (schema: Json) => schema,
};

/** The constructors of the schemas of routes: `Type.Object({ name: Type.String() })`. */
export const Type = Object.freeze(constructors) as Constructors;

/** An object that takes no other property. */
export const closed = <P extends Typebox.TProperties>(properties: P, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

export const uuid = Type.String({ format: "uuid" });
export const instant = Type.String({ format: "date-time" });
export const optionalText = Type.Union([Type.String(), Type.Null()]);
