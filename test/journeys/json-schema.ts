/** As much of JSON Schema as the document of the server uses. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: unknown;
}

/** Nothing is said: every value will do. */
export function isAnything({ type, enum: values, const: value, anyOf }: JsonSchema): boolean {
  return type === undefined && values === undefined && value === undefined && anyOf === undefined;
}

/** The types that a schema names itself. */
export function typesOf({ type }: JsonSchema): readonly string[] {
  return type === undefined ? [] : [type].flat();
}

export type Path = readonly (string | number)[];

/** RFC 6901. */
export function pointerOf(path: Path): string {
  return path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** A copy with one place changed; what leads there is made where it is missing. */
export function withPlace(value: any, [key, ...rest]: Path, put: unknown): any {
  if (key === undefined) return put;
  const copy: any = Array.isArray(value) ? [...value] : { ...value };
  const target = typeof key === "number" && !Array.isArray(value) ? [] : copy;
  target[key] = withPlace(value?.[key], rest, put);
  return target;
}

export function placeIn(value: any, path: Path): any {
  return path.reduce((found, key) => found?.[key], value);
}
