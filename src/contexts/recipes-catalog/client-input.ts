import type { Static } from "typebox";
import { cleanText, readInstant, validationFailure } from "../../http/rules.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { catalogClientLimits as limits } from "../../platform/limits.ts";
import {
  ADDRESS_TEXTS,
  SEXES,
  type Address,
  type AddressInput,
  type clientChangesBody,
  type ClientFields,
  type ContactInfo,
  type ContactInput,
  type Sex,
} from "./client.ts";
import { readEmail, type IsPhone } from "./contact.ts";

export type ClientChanges = Pick<
  Static<typeof clientChangesBody>,
  "profile" | "contact_info" | "address" | "notes" | "onboarding_data"
>;

/** What a client is before anything was said of it. */
export const NOTHING: Partial<ClientFields> = Object.freeze({
  birthday: null,
  contact_info: null,
  address: null,
  notes: null,
  onboarding_data: null,
});

/**
 * A client with some fields changed. Absent fields stay, also inside profile, contact and address;
 * null empties.
 * @param today the last day on which somebody can be born, `YYYY-MM-DD`
 * @throws AppError `validation_failed`, one fault for each field that breaks a rule
 */
export function withClientChanges(
  stored: Partial<ClientFields>,
  changes: ClientChanges,
  { isPhone, today }: { readonly isPhone: IsPhone; readonly today: string },
): ClientFields {
  const faults: FieldFault[] = [];
  const fields = {
    ...stored,
    ...readProfile(changes.profile ?? {}, today, faults),
    ...readNotes(changes.notes, faults),
  };
  const { contact_info: contact, address, onboarding_data: data } = changes;
  if (contact !== undefined) {
    fields.contact_info = contact && readContact(stored.contact_info, contact, isPhone, faults);
  }
  if (address !== undefined) {
    fields.address = address && readAddress(stored.address, address, faults);
  }
  if (data !== undefined) {
    if (data !== null && !isStorable(data)) {
      refuse(faults, "onboarding_data", "not_storable", "is too large or holds broken text");
    }
    fields.onboarding_data = data;
  }
  for (const field of ["name", "sex"] as const) {
    if (
      fields[field] === undefined &&
      !faults.some(({ path }) => path === `/body/profile/${field}`)
    ) {
      refuse(faults, `profile/${field}`, "required", "is required");
    }
  }
  if (faults.length > 0) throw validationFailure(faults);
  return fields as ClientFields;
}

function refuse(faults: FieldFault[], field: string, code: string, message: string): undefined {
  faults.push({ path: `/body/${field}`, code, message });
}

function readProfile(
  profile: NonNullable<ClientChanges["profile"]>,
  today: string,
  faults: FieldFault[],
): Partial<{ name: string; birthday: string | null; sex: Sex }> {
  const { name, birthday, sex } = profile;
  const read: { name?: string; birthday?: string | null; sex?: Sex } = {};
  if (name !== undefined) {
    const text = readLine(name, "profile/name", limits.nameCharactersMax, faults);
    if (text === null) refuse(faults, "profile/name", "min_length", "must not be empty");
    else if (text !== undefined) read.name = text;
  }
  if (birthday !== undefined) read.birthday = readBirthday(birthday, today, faults) ?? null;
  if (sex !== undefined) {
    const folded = SEXES.find((known) => known === sex.trim().toLowerCase());
    if (folded === undefined) {
      refuse(faults, "profile/sex", "enum", `must be ${SEXES.join(" or ")}`);
    } else read.sex = folded;
  }
  return read;
}

/** The day as it is written, also of an instant: a birthday has no time zone. */
function readBirthday(text: string | null, today: string, faults: FieldFault[]) {
  if (text === null || text.trim() === "") return null;
  const day = text.trim().slice(0, 10);
  if (readInstant(text.trim()) !== undefined && day >= "1900-01-01" && day <= today) return day;
  return refuse(faults, "profile/birthday", "format", "must be a day from 1900-01-01 to today");
}

function readNotes(given: string | null | undefined, faults: FieldFault[]) {
  if (given === undefined) return {};
  const notes = readLine(given, "notes", limits.notesCharactersMax, faults, true);
  return notes === undefined ? {} : { notes };
}

/** Null when it is empty, undefined when it breaks a rule. */
function readLine(
  given: string | null,
  field: string,
  charactersMax: number,
  faults: FieldFault[],
  hasLines = false,
): string | null | undefined {
  if (given === null) return null;
  const cleaned = cleanText(given, { charactersMax, hasLines });
  if ("text" in cleaned) return cleaned.text;
  return refuse(faults, field, cleaned.code, cleaned.message);
}

function readContact(
  stored: ContactInfo | null | undefined,
  input: ContactInput,
  isPhone: IsPhone,
  faults: FieldFault[],
): ContactInfo {
  const phone = (given: string, field: string) => {
    const text = readLine(given, field, limits.phoneCharactersMax, faults);
    if (typeof text !== "string" || isPhone(text)) return text;
    return refuse(faults, field, "format", "must be a telephone number");
  };
  const email = (given: string, field: string) => {
    if (given.trim() === "") return null;
    return readEmail(given) ?? refuse(faults, field, "format", "must be an e-mail address");
  };
  type Read = typeof phone;
  const one = (key: "main_phone" | "main_email", read: Read) => {
    const given = input[key];
    if (given === undefined) return stored?.[key] ?? null;
    return given === null ? null : (read(given, `contact_info/${key}`) ?? null);
  };
  const several = (key: "all_phones" | "all_emails", read: Read) => {
    const given = input[key];
    if (given === undefined) return stored?.[key] ?? [];
    const texts = (given ?? []).map((text, at) => read(text, `contact_info/${key}/${at}`));
    return [...new Set(texts.filter((text) => typeof text === "string"))];
  };
  return {
    main_phone: one("main_phone", phone),
    main_email: one("main_email", email),
    all_phones: several("all_phones", phone),
    all_emails: several("all_emails", email),
  };
}

function readAddress(
  stored: Address | null | undefined,
  input: AddressInput,
  faults: FieldFault[],
): Address {
  const texts = ADDRESS_TEXTS.map((key) => {
    const given = input[key];
    if (given === undefined) return [key, stored?.[key] ?? null];
    return [key, readLine(given, `address/${key}`, limits.addressCharactersMax, faults) ?? null];
  });
  const state = input.state === undefined ? (stored?.state ?? null) : input.state;
  return { ...Object.fromEntries(texts), state } as Address;
}

/** PostgreSQL keeps no zero bytes and no half characters in JSON; JSON keeps no infinity. */
export function isStorable(data: object): boolean {
  const isGood = (value: unknown, depth: number): boolean => {
    if (typeof value === "string") return !/[\u0000\p{Surrogate}]/u.test(value);
    if (typeof value === "number") return Number.isFinite(value);
    if (typeof value !== "object" || value === null) return true;
    if (depth === 0) return false;
    return Object.entries(value).every(
      ([key, inner]) => isGood(key, 0) && isGood(inner, depth - 1),
    );
  };
  return (
    isGood(data, limits.onboardingDepthMax) &&
    JSON.stringify(data).length <= limits.onboardingCharactersMax
  );
}
