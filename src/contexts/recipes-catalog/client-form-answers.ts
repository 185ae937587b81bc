import { cleanText, readInstant } from "../../http/rules.ts";
import { catalogClientLimits as limits } from "../../platform/limits.ts";
import { SEXES, STATES, type AddressInput, type ContactInput, type State } from "./client.ts";
import type { FormResponse } from "./client-form.ts";
import { readEmail, type IsPhone } from "./contact.ts";
import { stateNamed } from "./state-names.ts";

/** What the answers say of a client. What could not be read is a warning and nothing else. */
export interface FormFindings {
  readonly profile: { readonly name?: string; readonly birthday?: string; readonly sex?: string };
  readonly contact: ContactInput | undefined;
  readonly address: AddressInput | undefined;
  readonly warnings: readonly string[];
}

// References that authors of forms give to their fields, the surest first.
const REFS = {
  name: ["name", "full_name", "client_name", "your_name"],
  birthday: ["birthday", "birth_date", "date_of_birth", "birthdate"],
  sex: ["sex", "sexo", "gender", "genero"],
  email: ["email", "email_address", "contact_email", "your_email", "client_email", "email_contact"],
  phone: [
    "phone",
    "phone_number",
    "contact_phone",
    "your_phone",
    "client_phone",
    "phone_contact",
    "mobile",
    "mobile_number",
  ],
  street: [
    "street",
    "street_address",
    "address",
    "address_line_1",
    "street_1",
    "address1",
    "home_address",
    "mailing_address",
    "full_address",
    "client_address",
  ],
  city: ["city", "town", "municipality", "locality", "address_city", "client_city", "home_city"],
  state: [
    "state",
    "province",
    "region",
    "state_province",
    "address_state",
    "client_state",
    "home_state",
  ],
  zip: ["zip", "zip_code", "postal_code", "postcode", "address_zip", "client_zip", "home_zip"],
} as const;
type Target = keyof typeof REFS;

/** Where the words of the questions told what they ask for. */
const IDENTIFIERS: Readonly<Record<Target, string>> = {
  name: "name",
  birthday: "birthday",
  sex: "gender",
  email: "email",
  phone: "phone",
  street: "address_line1",
  city: "city",
  state: "state",
  zip: "zip",
};

// The type of a field tells enough only where the value itself can be looked at, and of a name,
// without which there is no client. A street or a town could be any text.
const TYPES: Readonly<Partial<Record<Target, readonly string[]>>> = {
  name: ["short_text", "long_text"],
  email: ["email"],
  phone: ["phone_number"],
  state: ["dropdown", "choice", "multiple_choice"],
  zip: ["short_text", "number"],
};

interface Answer {
  readonly ref: string;
  readonly type: string;
  readonly text: string;
}

/** Reads the answers: by the reference of a field, by the words of its question, by its type. */
export function readFormAnswers(
  response: FormResponse,
  { isPhone, today }: { readonly isPhone: IsPhone; readonly today: string },
): FormFindings {
  const answers = answersOf(response.response_data);
  const warnings: string[] = [];
  const used = new Set<string>();
  const find = <T>(target: Target, label: string, read: (text: string) => T | undefined) => {
    const sure = sureTextOf(target, answers, response.client_identifiers);
    if (sure !== undefined) {
      const value = read(sure);
      if (value === undefined) warnings.push(`Warning: the ${label} could not be read`);
      else used.add(sure);
      return value;
    }
    for (const type of TYPES[target] ?? []) {
      for (const answer of answers) {
        if (answer.type !== type || used.has(answer.text)) continue;
        const value = read(answer.text);
        if (value !== undefined) return (used.add(answer.text), value);
      }
    }
    return undefined;
  };
  const email = find("email", "e-mail address", readEmail);
  const phone = find("phone", "telephone number", (text) => readPhone(text, isPhone));
  const state = find("state", "state", readState);
  const zip = find("zip", "postal code", readZip);
  const street = find("street", "street", readAddressLine);
  const city = find("city", "city", readAddressLine);
  const birthday = find("birthday", "birthday", (text) => readDay(text, today));
  const sex = find("sex", "sex", (text) => SEXES.find((one) => one === text.toLowerCase()));
  const name = find("name", "name", (text) => readLine(text, limits.nameCharactersMax));
  return {
    profile: given({ name, birthday, sex }),
    contact:
      email === undefined && phone === undefined
        ? undefined
        : given({ main_email: email, main_phone: phone }),
    address:
      street === undefined && city === undefined
        ? undefined
        : given({ street, city, state, zip_code: zip }),
    warnings,
  };
}

function sureTextOf(
  target: Target,
  answers: readonly Answer[],
  identifiers: FormResponse["client_identifiers"],
): string | undefined {
  const byRef = REFS[target].flatMap((ref) => answers.find((answer) => answer.ref === ref) ?? []);
  const [first] = byRef;
  if (first !== undefined) return first.text;
  const identified = identifiers?.[IDENTIFIERS[target]]?.trim();
  return identified === "" ? undefined : identified;
}

function answersOf(data: unknown): Answer[] {
  const answers = isObject(data) ? data["answers"] : undefined;
  if (!Array.isArray(answers)) return [];
  return answers.flatMap((answer: unknown) => {
    if (!isObject(answer) || !isObject(answer["field"])) return [];
    const { ref, type } = answer["field"];
    const text = textOf(answer);
    if (text === undefined) return [];
    const asWritten = (value: unknown) => (typeof value === "string" ? value.toLowerCase() : "");
    return [{ ref: asWritten(ref), type: asWritten(type), text }];
  });
}

const VALUES = ["text", "email", "phone_number", "number", "date", "choice", "answer", "value"];

function textOf(answer: Readonly<Record<string, unknown>>): string | undefined {
  for (const key of VALUES) {
    const value = answer[key];
    const inner = isObject(value) ? labelIn(value) : value;
    if (typeof inner === "number") return String(inner);
    if (typeof inner === "string" && inner.trim() !== "") return inner.trim();
  }
  return undefined;
}

/** Of a choice, or of an answer that was kept whole, as those of drop-down lists are. */
function labelIn(value: Readonly<Record<string, unknown>>): unknown {
  const { label, choice } = value;
  return label ?? (isObject(choice) ? choice["label"] : undefined);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const readLine = (text: string, charactersMax: number) => {
  const cleaned = cleanText(text, { charactersMax });
  return "text" in cleaned ? (cleaned.text ?? undefined) : undefined;
};
const readAddressLine = (text: string) => readLine(text, limits.addressCharactersMax);

function readPhone(text: string, isPhone: IsPhone): string | undefined {
  const digits = text.replaceAll(/[\s()-]/g, "").replace(/^00/, "+");
  return /^\+?\d{7,15}$/.test(digits) && isPhone(digits) ? digits : undefined;
}

function readState(text: string): State | undefined {
  return STATES.find((code) => code === text.toUpperCase()) ?? stateNamed(text);
}

const readZip = (text: string) => (/^\d{5}-?\d{3}$/.test(text) ? text : undefined);

/** Where day and month could be taken for each other, there is no telling, and nothing is said. */
function readDay(text: string, today: string): string | undefined {
  const [, first, second, year] = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text) ?? [];
  const day =
    year === undefined
      ? text.slice(0, 10)
      : first === second || Number(second) > 12
        ? isoDay(year, first!, second!)
        : Number(first) > 12
          ? isoDay(year, second!, first!)
          : "";
  const isDay = readInstant(year === undefined ? text : day) !== undefined;
  return isDay && day >= "1900-01-01" && day <= today ? day : undefined;
}

const isoDay = (year: string, month: string, day: string) =>
  `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
function given<T extends object>(values: T): Given<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Given<T>;
}
