import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/schema";
import { platformErrors, type FieldFault } from "../platform/errors.ts";
import { httpLimits } from "../platform/limits.ts";
import { shapeOf, textConverter, uuidNormaliser, type TextConverter } from "./convert.ts";
import { httpErrors } from "./errors.ts";
import { parseQuery } from "./url.ts";

/** Reads one part of a request by its schema. Throws `validation_failed` with the faults. */
export type ParamsReader = (values: readonly string[]) => unknown;
export type QueryReader = (query: string) => unknown;
export type BodyReader = (value: unknown) => unknown;

const NO_QUERY = Object.freeze({});

/** The path parameters `names`, in the order of the pattern. */
export function compileParams(schema: TSchema | undefined, names: readonly string[]): ParamsReader {
  const properties = schema === undefined ? {} : (shapeOf(schema).properties ?? {});
  const converters = names.map((name) => textConverter(properties[name] ?? {}));
  const check = schema === undefined ? undefined : checker(schema, "path");
  return (values) => {
    const params: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index += 1) {
      params[names[index]!] = converters[index]!(values[index]!);
    }
    check?.(params);
    return params;
  };
}

interface QueryKey {
  readonly convert: TextConverter;
  readonly repeated: boolean;
}

/** A query: unknown names and repeated scalars are faults, a missing name takes its default. */
export function compileQuery(schema: TSchema | undefined): QueryReader {
  const shape = schema === undefined ? {} : shapeOf(schema);
  const keys = new Map<string, QueryKey>();
  const defaults: [string, unknown][] = [];
  for (const [name, property] of Object.entries(shape.properties ?? {})) {
    const repeated = property.type === "array";
    keys.set(name, {
      convert: textConverter(repeated ? (property.items ?? {}) : property),
      repeated,
    });
    if (property.default !== undefined) defaults.push([name, property.default]);
  }
  const open = shape.additionalProperties !== undefined && shape.additionalProperties !== false;
  const check = schema === undefined ? undefined : checker(schema, "query");
  return (text) => {
    if (text === "" && schema === undefined) return NO_QUERY;
    const query: Record<string, unknown> = {};
    for (const [name, value] of defaults) query[name] = value;
    if (text !== "") readPairs(text, keys, open, query);
    check?.(query);
    return query;
  };
}

function readPairs(
  text: string,
  keys: ReadonlyMap<string, QueryKey>,
  open: boolean,
  query: Record<string, unknown>,
): void {
  const pairs = parseQuery(text);
  if (pairs === undefined) throw httpErrors.failure("malformed_request", { note: "query" });
  const faults: FieldFault[] = [];
  for (const [name, values] of pairs) {
    const key = keys.get(name);
    if (key === undefined && (!open || name === "__proto__")) {
      faults.push(fault("query", `/${pointerPart(name)}`, "unknown", "is not known here"));
    } else if (key?.repeated === true) {
      query[name] = values.map(key.convert);
    } else if (values.length > 1) {
      faults.push(fault("query", `/${pointerPart(name)}`, "repeated", "must be given once"));
    } else {
      query[name] = key === undefined ? values[0] : key.convert(values[0]!);
    }
  }
  if (faults.length > 0) refuse(faults);
}

/** A parsed body: every spelling of a UUID is read, then the schema decides. */
export function compileBody(schema: TSchema): BodyReader {
  const normalise = uuidNormaliser(shapeOf(schema));
  const check = checker(schema, "body");
  return (value) => {
    const body = normalise === undefined ? value : normalise(value);
    check(body);
    return body;
  };
}

/** Compiled at its first use: a start does not wait for the code of a hundred schemas. */
function checker(schema: object, part: string): (value: unknown) => void {
  let validator: Validator | undefined;
  return (value) => {
    validator ??= Compile(schema);
    if (validator.Check(value)) return;
    const [, errors] = validator.Errors(value);
    refuse(faultsOf(errors, part));
  };
}

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

/**
 * What the schema says is wrong. Names what is expected, never what was sent: a refused value may
 * be a password that slipped into the wrong field.
 */
function faultsOf(errors: readonly SchemaError[], part: string): FieldFault[] {
  const faults: FieldFault[] = [];
  for (const { keyword, instancePath, params, message } of errors) {
    const path = instancePath.split("/").map(shortened).join("/");
    if (keyword === "required") {
      for (const name of namesIn(params, "requiredProperties")) {
        faults.push(fault(part, `${path}/${pointerPart(name)}`, "required", "is required"));
      }
    } else if (keyword === "additionalProperties" || keyword === "unevaluatedProperties") {
      for (const name of namesIn(params, keyword)) {
        faults.push(fault(part, `${path}/${pointerPart(name)}`, "unknown", "is not known here"));
      }
    } else if (keyword !== "boolean") {
      faults.push(fault(part, path, codeOf(keyword), message));
    }
  }
  return faults;
}

function namesIn(params: object, key: string): string[] {
  const names: unknown = (params as Record<string, unknown>)[key];
  return Array.isArray(names) ? names.map(String) : [];
}

function codeOf(keyword: string): string {
  return keyword.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function fault(part: string, path: string, code: string, message: string): FieldFault {
  return { path: `/${part}${path}`, code, message };
}

// RFC 6901 §3.
function pointerPart(name: string): string {
  return shortened(name.replaceAll("~", "~0").replaceAll("/", "~1"));
}

function shortened(name: string): string {
  return name.slice(0, httpLimits.faultNameCharactersMax);
}

function refuse(faults: readonly FieldFault[]): never {
  throw platformErrors.failure("validation_failed", {
    errors: faults.slice(0, httpLimits.faultsMax),
  });
}
