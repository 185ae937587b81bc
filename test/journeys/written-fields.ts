import fc from "fast-check";
import { newId } from "../../src/platform/ids.ts";
import { NUTRIENTS } from "../../src/platform/nutrition/nutrients.ts";
import { placeIn, type JsonSchema } from "./json-schema.ts";
import { validValues, type Rules } from "./schema-values.ts";

/** What the writer of a body knows beside its schema. */
export interface Known {
  readonly isNew: boolean;
  readonly good: unknown;
  /** Ids of what is there, by member. */
  readonly ids: Readonly<Record<string, string>>;
}

// Read-only, of somebody else, or of another test.
const LEFT_OUT = new Set([
  "version",
  "id",
  "author_id",
  "type",
  "form_response_id",
  "menu_meal",
  "is_food",
]);

const PHONES = ["(11) 91234-5678", "+55 21 99876-5432", "+1 415 555 2671"];
const EMAILS = ["walter@example.com", "a.b+c@example.com.br", "x@example.org"];
const orNull = (values: fc.Arbitrary<unknown>) => fc.option(values, { freq: 4 });
const days = fc
  .date({ min: new Date("1900-01-01"), max: new Date("2026-01-01"), noInvalidDate: true })
  .map((day) => day.toISOString().slice(0, 10));
const addresses = fc
  .webUrl({ validSchemes: ["http", "https"], withQueryParameters: true })
  .map((text) => new URL(text).href)
  .filter((text) => text.length <= 2_083);

/** What a rule asks for where the schema does not. */
const NEEDED = new Set(["recipes/name", "recipes/instructions"]);
const NEEDED_OF_NEW = new Set(["profile", "profile/name", "profile/sex"]);

/** Members whose values a schema alone does not tell. */
const SPECIAL: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  birthday: orNull(days),
  sex: fc.constantFrom("masculino", "feminino"),
  // One of a source has it.
  barcode: orNull(fc.constant("").map(() => newId())),
  image_url: orNull(addresses),
  main_phone: orNull(fc.constantFrom(...PHONES)),
  main_email: orNull(fc.constantFrom(...EMAILS)),
  all_phones: orNull(fc.shuffledSubarray(PHONES)),
  all_emails: orNull(fc.shuffledSubarray(EMAILS)),
  onboarding_data: orNull(
    fc.dictionary(fc.stringMatching(/^[a-z][a-z_]{0,8}$/), storableJson(), { maxKeys: 4 }),
  ),
  product_id: orNull(fc.uuid({ version: 7 })),
};

function storableJson() {
  return fc
    .jsonValue({ maxDepth: 3 })
    .filter((value) => !/\\u0000|"__proto__"/u.test(JSON.stringify(value)));
}

/** Bodies that break no rule, so that they must be stored. */
export function goodBodies(schema: JsonSchema, known: Known): fc.Arbitrary<any> {
  const valuesOf: Rules["valuesOf"] = (name, path, own) => {
    if (LEFT_OUT.has(name)) return undefined;
    if (SPECIAL[name] !== undefined) return SPECIAL[name];
    if (name === "menu_id" && isNullable(own)) return undefined;
    if (own.format === "uuid") {
      const id = known.ids[name] ?? (placeIn(known.good, path) as string | undefined);
      if (id === undefined) return isNullable(own) ? fc.constant(null) : undefined;
      return isNullable(own) ? orNull(fc.constant(id)) : fc.constant(id);
    }
    if (name === "tags") return tags(own, rules);
    if (name === "ingredients" && own.items !== undefined) return ingredients(own, rules);
    if (name === "meals") return places(own, rules, Object.values(known.ids));
    if (isUnknown(own)) return undefined;
    return "as the schema says";
  };
  const isNeeded: Rules["isNeeded"] = (path) => {
    const place = path.filter((key) => typeof key === "string").join("/");
    return NEEDED.has(place) || (known.isNew && NEEDED_OF_NEW.has(place));
  };
  const rules: Rules = { valuesOf, isNeeded };
  return validValues(schema, rules);
}

const isNullable = ({ type }: JsonSchema) => [type].flat().includes("null");
const isUnknown = ({ type, enum: values, anyOf }: JsonSchema) =>
  type === undefined && values === undefined && anyOf === undefined;

function tags({ items }: JsonSchema, rules: Rules) {
  const selector = ({ key, value }: any) => JSON.stringify([key, value]);
  return fc.uniqueArray(validValues(items!, rules), { maxLength: 3, selector });
}

/** Their positions are 0, 1, 2 …, in whatever order they are sent. */
function ingredients({ items }: JsonSchema, rules: Rules) {
  return fc
    .array(validValues(items!, rules), { maxLength: 4 })
    .map((lines) => lines.map((line, position) => ({ ...line, position })))
    .chain((lines) => fc.constantFrom(lines, lines.toReversed()));
}

/** One place for each of the meals: a meal that is named again is copied. */
function places({ items }: JsonSchema, rules: Rules, mealIds: readonly string[]) {
  return fc
    .tuple(
      fc.subarray([...mealIds]),
      fc.array(validValues(items!, rules), { minLength: 9, maxLength: 9 }),
    )
    .map(([ids, given]) =>
      ids.map((meal_id, index) => ({ ...given[index], meal_id, week: index + 1 })),
    );
}

/** A name that nobody has yet. */
export const withNewName = (body: any) =>
  "name" in body
    ? { ...body, name: `${Array.from(body.name).slice(0, 20).join("").trim()} ${newId()}` }
    : body;

/** What is read where null was sent. */
const DEFAULTS: Readonly<Record<string, unknown>> = { edible_yield: 1, privacy: "private" };

const UNITS = new Map<string, string>(NUTRIENTS);

/** Where what was read is not what was sent. Only what was sent is looked at. */
export function differences(sent: any, read: any, place = ""): string[] {
  const differs = [`${place}: sent ${JSON.stringify(sent)}, read ${JSON.stringify(read)}`];
  if (sent === undefined) return [];
  const usual = DEFAULTS[place.split("/").at(-1)!];
  if (sent === null) return isEmpty(read) || read === usual ? [] : differs;
  if (place.endsWith("/tags")) return sameSet(sent, read, ["key", "value"]) ? [] : differs;
  if (Array.isArray(sent)) {
    if (!Array.isArray(read) || read.length !== sent.length) return differs;
    const isPlaced = sent.every((one) => typeof one?.position === "number");
    const inOrder = isPlaced ? sent.toSorted((one, other) => one.position - other.position) : sent;
    return inOrder.flatMap((one, index) => differences(one, read[index], `${place}/${index}`));
  }
  if (/\/nutri_facts\/[a-z_0-9]+$/.test(place))
    return isSameAmount(sent, read, place) ? [] : differs;
  if (typeof sent === "object") {
    return Object.entries(sent).flatMap(([key, value]) =>
      differences(value, read?.[key], `${place}/${key}`),
    );
  }
  // An hour is read with its seconds.
  if (place.endsWith("/hour")) return read === sent.padEnd(8, ":00") ? [] : differs;
  return sent === read ? [] : differs;
}

/** Null, or all that is in it is. */
function isEmpty(value: any): boolean {
  if (value === null || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && (Object.values(value).every(isEmpty) || value.value === 0);
}

function isSameAmount(sent: any, read: any, place: string): boolean {
  const unit = UNITS.get(place.split("/").at(-1)!);
  const amount = typeof sent === "number" ? { value: sent, unit } : sent;
  const isSameUnit = (amount.unit ?? undefined) === undefined || read.unit === amount.unit;
  return read.value === (amount.value ?? read.value) && isSameUnit;
}

function sameSet(sent: any[], read: any[], keys: readonly string[]): boolean {
  const texts = (all: any[]) =>
    all.map((one) => JSON.stringify(keys.map((key) => one[key] ?? null))).toSorted();
  return JSON.stringify(texts(sent)) === JSON.stringify(texts(read));
}

/** What a change that changes nothing may change. */
export function withoutVersions(value: any): any {
  if (Array.isArray(value)) return value.map(withoutVersions);
  if (typeof value !== "object" || value === null) return value;
  const { version: _version, updated_at: _updatedAt, ...rest } = value;
  return Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, withoutVersions(one)]));
}
