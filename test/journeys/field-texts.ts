import {
  placeIn,
  pointerOf,
  typesOf,
  withPlace,
  type JsonSchema,
  type Path,
} from "./json-schema.ts";
import { NAUGHTY } from "./naughty.ts";
import type { Answer, Operation, RouteTable, TestCaller } from "./route-table.ts";
import { spotsOf, type Spot } from "./schema-faults.ts";

const OK = [200, 201, 202, 204];

interface Options {
  readonly table: RouteTable;
  /** Collects what is wrong. */
  expect(operation: Operation, answer: Answer, wanted: readonly number[], what: string): void;
  fault(text: string): void;
}

/** The places of a body that take any text, however deep. */
export function textPlaces(schema: JsonSchema, good: unknown): Spot[] {
  return spotsOf(schema, good).filter((spot) => takesText(spot.schema));
}

function takesText(schema: JsonSchema): boolean {
  const { enum: values, format, anyOf = [] } = schema;
  if (values !== undefined || format !== undefined) return false;
  return typesOf(schema).includes("string") || anyOf.some(takesText);
}

// An address is normalised, mail and sex are folded, a birthday is a day; the type of a tag follows
// from its parent; the last two are taken with a whole account and not looked at.
const REWRITTEN = new Set([
  "image_url",
  "main_email",
  "all_emails",
  "email",
  "sex",
  "birthday",
  "type",
  "created_at",
  "last_login",
]);

/**
 * Tries texts at all places of a body together: what is refused by name is taken back, and the rest
 * sent again, until it is stored and can be read. A place that stops all others is tried alone.
 */
export function createTextTrial({ table, expect, fault }: Options) {
  const { operations, ask } = table;

  /** Where what was written can be read again. */
  function readPath(operation: Operation, path: string, answer: Answer): string | undefined {
    const gets = operations.filter(({ method }) => method === "GET").map((one) => one.path);
    if (operation.method !== "POST") return gets.includes(operation.path) ? path : undefined;
    const id = answer.body?.data?.id as string | undefined;
    const ofOne = gets.some((one) => one.replace(/\/\{[a-z_]+\}$/, "") === operation.path);
    if (id === undefined || !ofOne) return undefined;
    return path.includes("/sources") ? `${path}/${id}?full=true` : `${path}/${id}`;
  }

  return async function tryTexts(
    operation: Operation,
    caller: TestCaller,
    rounds: readonly number[],
  ) {
    let good = await table.goodRequest(operation, caller);
    const places = textPlaces(operation.body!.schema, good.body);
    const alone = new Set<Spot>();
    let stored = 0;

    async function send(texts: ReadonlyMap<Spot, string>): Promise<Answer> {
      let { body } = good;
      for (const [spot, text] of texts) body = withText(body, spot, text);
      const { method } = operation;
      const answer = await ask({ method, path: good.path, body, token: caller.token });
      const what = [...texts].map(
        ([{ path }, text]) => `${pointerOf(path)} = ${JSON.stringify(text).slice(0, 60)}`,
      );
      // Wrong passwords of one account are few.
      const isCounted = operation.label === "PUT /auth/password" ? [429] : [];
      expect(
        operation,
        answer,
        [...OK, 400, 401, 403, 404, 409, 422, ...isCounted],
        what.join(", "),
      );
      return answer;
    }

    async function readBack(answer: Answer, texts: ReadonlyMap<Spot, string>): Promise<void> {
      const where = readPath(operation, good.path, answer);
      if (where === undefined) return;
      const read = await ask({ method: "GET", path: where, token: caller.token });
      for (const [{ path }, text] of texts) {
        if (path.some((key) => REWRITTEN.has(String(key)))) continue;
        const found = placeIn(read.body.data ?? read.body, path);
        const wanted = text.trim() === "" ? null : text.trim();
        if (found === wanted || (path[0] === "username" && found === null)) stored += 1;
        else if (found !== undefined && found !== wanted?.normalize("NFC")) {
          fault(
            `${operation.label}, ${pointerOf(path)}: ${JSON.stringify(text)} reads ${JSON.stringify(found)}`,
          );
        }
      }
    }

    /** Until it is stored, or nothing is left of it. */
    async function attempt(texts: Map<Spot, string>): Promise<void> {
      while (texts.size > 0) {
        const answer = await send(texts);
        if (OK.includes(answer.status)) {
          await readBack(answer, texts);
          if (operation.method === "POST") good = await table.goodRequest(operation, caller);
          return;
        }
        const named = [...texts.keys()].filter(({ path }) => isNamed(answer, path));
        if (named.length === 0) {
          await attemptEach(texts);
          return;
        }
        for (const spot of named) texts.delete(spot);
      }
    }

    async function attemptEach(texts: ReadonlyMap<Spot, string>): Promise<void> {
      for (const [spot, text] of texts) {
        if (texts.size === 1) alone.add(spot);
        else await attempt(new Map([[spot, text]]));
      }
    }

    for (const round of rounds) {
      const texts = places.map((spot, index) => [spot, textOf(round + index)] as const);
      // The whole body is refused for these, whatever their place.
      const [broken] = texts.filter(([, text]) => MALFORMED.test(text));
      const whole = texts.filter(([spot, text]) => !MALFORMED.test(text) && !alone.has(spot));
      const single = texts.filter(([spot]) => alone.has(spot));
      for (const one of broken === undefined ? single : [broken, ...single])
        await send(new Map([one]));
      await attempt(new Map(whole));
    }
    return stored;
  };
}

/** The body with a text in a place, and around the place what must be there. */
function withText(body: unknown, { path, body: example }: Spot, text: string): unknown {
  let changed = body;
  for (let depth = 1; depth < path.length; depth += 1) {
    const outer = path.slice(0, depth);
    if (placeIn(changed, outer) !== undefined && placeIn(changed, outer) !== null) continue;
    changed = withPlace(changed, outer, placeIn(example, outer));
  }
  return withPlace(changed, path, text);
}

const MALFORMED = /[\0\p{Surrogate}]/u;
const textOf = (index: number) => NAUGHTY[index % NAUGHTY.length]!;

/** Whether an answer says that this place is wrong, or what it stands in, or what stands in it. */
export function isNamed({ body }: Answer, path: Path): boolean {
  const place = `/body${pointerOf(path)}/`;
  const faults: readonly { path: string }[] = body?.errors ?? [];
  return faults
    .map((one) => `${one.path}/`)
    .some((one) => one !== "/body/" && (place.startsWith(one) || one.startsWith(place)));
}
