import { readInstant } from "../../http/rules.ts";
import { isObject, type Answer } from "./answers.ts";
import { keyOf, type IdentifierKey } from "./identifier-words.ts";

/** What the answers say of the client; only what is said, and nothing made up. */
export type ClientIdentifiers = Readonly<Record<string, string>>;

const NAMES = ["first_name", "last_name"] as const;
const ADDRESS = ["address_line1", "address_line2", "city", "state", "zip", "country"] as const;
/** Whatever is asked, an answer to such a field can be nothing else. */
const ALONE: ReadonlyMap<string, IdentifierKey> = new Map([
  ["email", "email"],
  ["phone_number", "phone"],
  ["date", "birthday"],
]);
const DAY = /^\d{4}-\d{2}-\d{2}/;

/** Picks them by the type of the field first, then by whole words of its reference or question. */
export function findIdentifiers(answers: readonly Answer[]): ClientIdentifiers | null {
  const found = new Map<IdentifierKey, string>();
  const take = (key: IdentifierKey, answer: Answer | undefined): void => {
    const text = answer === undefined ? undefined : textFor(key, answer);
    if (text !== undefined && !found.has(key)) found.set(key, text);
  };
  take(
    "email",
    answers.find(({ fieldType }) => fieldType === "email"),
  );
  take(
    "phone",
    answers.find(({ fieldType }) => fieldType === "phone_number"),
  );
  for (const answer of answers) {
    const key = keyOf([answer.fieldRef, answer.question]);
    if (key !== undefined && (ALONE.get(answer.fieldType) ?? key) === key) take(key, answer);
  }
  return toIdentifiers(found);
}

function toIdentifiers(found: Map<IdentifierKey, string>): ClientIdentifiers | null {
  const fullName = found.get("full_name");
  if (fullName !== undefined) {
    const [first, ...rest] = fullName.split(/\s+/u);
    if (!found.has("first_name")) found.set("first_name", first!);
    if (!found.has("last_name") && rest.length > 0) found.set("last_name", rest.join(" "));
  }
  const joined = (keys: readonly IdentifierKey[], separator: string) =>
    keys.flatMap((key) => found.get(key) ?? []).join(separator);
  const name = fullName ?? joined(NAMES, " ");
  const address = joined(ADDRESS, ", ");
  found.delete("full_name");
  const identifiers = {
    ...Object.fromEntries(found),
    ...(name === "" ? {} : { name }),
    ...(address === "" ? {} : { address }),
  };
  return Object.keys(identifiers).length === 0 ? null : identifiers;
}

/** The answer as a text that can be what is looked for; undefined when it cannot. */
function textFor(key: IdentifierKey, answer: Answer): string | undefined {
  const text = textOf(answer)?.trim();
  if (text === undefined || text === "") return undefined;
  switch (key) {
    case "email":
      return /^[^\s@]+@[^\s@]+$/.test(text) ? text : undefined;
    case "phone":
      return (text.match(/\d/g)?.length ?? 0) >= 8 ? text : undefined;
    case "birthday":
      return DAY.test(text) && readInstant(text) !== undefined ? text.slice(0, 10) : undefined;
    default:
      return text;
  }
}

/** Text, number or label of one choice; a yes, several choices or a file name nobody. */
function textOf({ sent }: Answer): string | undefined {
  for (const name of ["text", "email", "phone_number", "date"]) {
    const value = sent[name];
    if (typeof value === "string") return value;
  }
  if (typeof sent["number"] === "number") return String(sent["number"]);
  const { choice } = sent;
  if (!isObject(choice)) return undefined;
  const label = choice["label"] ?? choice["other"];
  return typeof label === "string" ? label : undefined;
}
