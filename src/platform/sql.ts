import { createHash } from "node:crypto";
import { databaseLimits } from "./limits.ts";

/** A statement or a part of one: text with `$1 …`, and its values. */
export interface Sql {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Under this name connections keep the prepared plan. Absent: prepared each time. */
  readonly name?: string;
}

/**
 * Pieces of text with a value between each two of them. The numbered text is made when it is
 * first asked for, so a part that only goes into a larger one never pays for it.
 */
class Fragment implements Sql {
  readonly pieces: readonly string[];
  readonly values: readonly unknown[];
  readonly isNamed: boolean;
  #text: string | undefined;
  #name: string | undefined;

  constructor(pieces: readonly string[], values: readonly unknown[], isNamed: boolean) {
    this.pieces = pieces;
    this.values = values;
    this.isNamed = isNamed;
  }

  get text(): string {
    this.#text ??= numbered(this.pieces);
    return this.#text;
  }

  get name(): string {
    // `undefined` is what pg takes as "no name"; the interface says "may be absent".
    if (!this.isNamed) return undefined as unknown as string;
    this.#name ??= nameOf(this.text) ?? "";
    return this.#name === "" ? (undefined as unknown as string) : this.#name;
  }
}

interface Finished {
  readonly text: string;
  readonly name: string | undefined;
}

const names = new Map<string, string>();
// A template written in the source is one object for ever: its text is put together once.
const finished = new WeakMap<TemplateStringsArray, Finished>();

/** A name that depends on nothing but the text; undefined when enough texts have one. */
function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= databaseLimits.statementNamesMax) return undefined;
  const name = `s_${createHash("sha256").update(text).digest("hex").slice(0, 24)}`;
  names.set(text, name);
  return name;
}

function numbered(pieces: readonly string[]): string {
  let text = pieces[0]!;
  for (let i = 1; i < pieces.length; i++) text += `$${i}${pieces[i]!}`;
  return text;
}

function compose(strings: TemplateStringsArray, ...values: readonly unknown[]): Sql {
  if (values.some((value) => value instanceof Fragment)) return merge(strings, values);
  let known = finished.get(strings);
  if (known === undefined) {
    const text = numbered(strings);
    known = { text, name: nameOf(text) };
    finished.set(strings, known);
  }
  return new Simple(strings, values, known);
}

/** Text with values between; values that are fragments dissolve in it. */
function merge(strings: readonly string[], values: readonly unknown[]): Fragment {
  const pieces = [strings[0]!];
  const flat: unknown[] = [];
  let isNamed = true;
  for (const [index, value] of values.entries()) {
    if (value instanceof Fragment) {
      isNamed &&= value.isNamed;
      pieces[pieces.length - 1] += value.pieces[0]!;
      for (let i = 1; i < value.pieces.length; i++) pieces.push(value.pieces[i]!);
      for (const inner of value.values) flat.push(inner);
      pieces[pieces.length - 1] += strings[index + 1]!;
    } else {
      flat.push(value);
      pieces.push(strings[index + 1]!);
    }
  }
  return new Fragment(pieces, flat, isNamed);
}

/** A template without parts: text and name are known beforehand. */
class Simple extends Fragment {
  readonly #known: Finished;
  constructor(pieces: readonly string[], values: readonly unknown[], known: Finished) {
    super(pieces, values, true);
    this.#known = known;
  }
  override get text(): string {
    return this.#known.text;
  }
  override get name(): string {
    return this.#known.name as string;
  }
}

const empty: Sql = Object.freeze(new Fragment([""], [], true));
const comma: Sql = Object.freeze(new Fragment([", "], [], true));

function join(parts: readonly Sql[], separator: Sql = comma): Sql {
  if (parts.length === 0) return empty;
  const values = parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part]));
  return merge(
    Array.from({ length: values.length + 1 }, () => ""),
    values,
  );
}

function identifier(name: string): Sql {
  if (!/^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$/.test(name)) {
    throw new TypeError("not a plain SQL identifier");
  }
  return new Fragment(
    [
      name
        .split(".")
        .map((part) => `"${part}"`)
        .join("."),
    ],
    [],
    true,
  );
}

function literal(text: string): Sql {
  if (text.includes("\0")) throw new TypeError("PostgreSQL text cannot hold a zero byte");
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  // The text differs with the value, so it would only fill the table of names.
  return new Fragment([text.includes("\\") ? ` E${quoted}` : quoted], [], false);
}

function unnamed(statement: Sql): Sql {
  const fragment = statement as Fragment;
  return new Fragment(fragment.pieces, fragment.values, false);
}

/**
 * A parameterised statement: `` sql`select … where id = ${id}` ``. A value that is itself made by
 * `sql` becomes part of the text, any other a parameter.
 * - `join`: parts with a separator between them (default comma); nothing for an empty list.
 * - `identifier`: a quoted name, checked to be plain.
 * - `literal`: a text constant escaped in place (no parameter).
 * - `unnamed`: the same statement, not kept prepared (for texts of many shapes).
 */
export const sql = Object.assign(compose, { join, empty, identifier, literal, unnamed });
