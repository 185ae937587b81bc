import type { JsonSchema } from "./route-table.ts";

const LONG = "long ".repeat(2_000);

/** Texts that have broken something somewhere. */
export const NAUGHTY: readonly string[] = [
  "a\0b",
  "\u0001\u0002",
  "a\tb",
  "line\r\nX-Injected: 1",
  "\u007f\u0080\u009f",
  "\u001b[31mred",
  "",
  "   ",
  " padded ",
  "\u00a0nbsp\u00a0",
  "null",
  "undefined",
  "NaN",
  "true",
  "0",
  "-1",
  "1e400",
  "__proto__",
  "constructor",
  "toString",
  "' OR '1'='1",
  "'; DROP TABLE auth.accounts; --",
  "$1 $2 ${x}",
  "\\",
  "%00%0a",
  "%s%n",
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "{{7*7}}",
  "=cmd|' /C calc'!A0",
  "${jndi:ldap://x}",
  "../../etc/passwd",
  "🍚🇧🇷👩‍👩‍👧‍👦",
  "Z\u0351\u036b\u0343a\u0329\u032al\u0322g\u0333o",
  "مطعم \u202eevil\u202c",
  "שלום",
  "\u200b\ufeffzero",
  "Ａｒｒｏｚ",
  "ﷺ",
  "İstanbul ß ﬁ",
  "e\u0301",
  "\ud800",
  "\udc00x",
  "\u{10ffff}\uffff",
  "日本語のテキスト",
  "a".repeat(255),
  "🍚".repeat(200),
  LONG,
  ..."㌖㌫㌻㍍㍑㌘".split(""),
  randomSquares(),
];

/** 500 letters that Unicode takes apart into many, in no order that compresses. */
function randomSquares(): string {
  let state = 1;
  return Array.from({ length: 500 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(0x3300 + (state % 88));
  }).join("");
}

export interface Place {
  readonly name: string;
  put(body: any, text: string): any;
  get(body: any): unknown;
}

/** Every member of a body that takes a text, one level deep. */
export function naughtyPlaces(schema: JsonSchema): Place[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]): Place[] => {
    if (takesText(property)) {
      return [
        {
          name,
          put: (body, text) => ({ ...body, [name]: text }),
          get: (body) => body[name],
        },
      ];
    }
    return naughtyPlaces(property).map((inner) => ({
      name: `${name}.${inner.name}`,
      put: (body, text) => ({ ...body, [name]: inner.put(body?.[name], text) }),
      get: (body) => inner.get(body[name]),
    }));
  });
}

function takesText({ type, format, enum: values, anyOf = [] }: JsonSchema): boolean {
  if (values !== undefined || format === "uuid") return false;
  return [type].flat().includes("string") || anyOf.some(takesText);
}

export interface BadBody {
  readonly what: string;
  readonly raw: string;
  /** By the schema alone. */
  readonly isWrong: boolean;
}

const ANY = [
  "null",
  "true",
  "0",
  "-1",
  "1.5",
  "2147483648",
  "9007199254740993",
  "1e308",
  "1e400",
  "-0",
  '""',
  '"x"',
  "[]",
  "[null]",
  "{}",
  '{"a":{}}',
  '["x","x"]',
];

/** A good body with one thing wrong, for each of its members and each wrong thing. */
export function badBodies(schema: JsonSchema, good: any): BadBody[] {
  const bodies: BadBody[] = ["null", "[]", '"x"', "1", "true", "[{}]"].map((raw) => ({
    what: `the whole body ${raw}`,
    raw,
    isWrong: true,
  }));
  for (const name of schema.required ?? []) {
    const { [name]: _, ...rest } = good;
    bodies.push({ what: `without ${name}`, raw: JSON.stringify(rest), isWrong: true });
  }
  const more = JSON.stringify({ ...good, no_such_member: 1 });
  const isClosed = schema.additionalProperties === false;
  bodies.push({ what: "an unknown member", raw: more, isWrong: isClosed });
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const withValue = (value: string) => {
      const text = JSON.stringify({ ...good, [name]: "\u0000here" });
      return text.replace('"\\u0000here"', value);
    };
    for (const value of ANY) {
      const isWrong = !mayBe(property, JSON.parse(value));
      bodies.push({ what: `${name} = ${value}`, raw: withValue(value), isWrong });
    }
    if (property.maxLength !== undefined) {
      const long = JSON.stringify("x".repeat(property.maxLength + 1));
      bodies.push({ what: `${name} too long`, raw: withValue(long), isWrong: true });
    }
    if (property.properties !== undefined) {
      const few = Object.fromEntries(Object.entries(property.properties).slice(0, 3));
      for (const inner of badBodies({ ...property, properties: few }, good?.[name] ?? {})) {
        bodies.push({
          ...inner,
          what: `${name}: ${inner.what}`,
          raw: withValue(inner.raw),
          isWrong: false,
        });
      }
    }
  }
  return bodies;
}

/** False only for a value whose type the schema surely does not take. */
function mayBe(schema: JsonSchema, value: unknown): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((one) => mayBe(one, value));
  if (schema.enum !== undefined) return schema.enum.includes(value);
  const types = [schema.type ?? []].flat();
  if (types.length === 0) return true;
  if (value === null) return types.includes("null");
  if (Array.isArray(value)) return types.includes("array");
  if (typeof value !== "number") return types.includes(typeof value);
  if (!types.includes("number") && !types.includes("integer")) return false;
  if (!Number.isFinite(value)) return false;
  return types.includes("number") || Number.isInteger(value);
}
