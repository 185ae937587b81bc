import { pageQuery } from "../../http/paging.ts";
import { nullable, nullableText, optional } from "../../http/schema-parts.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import { catalogClientLimits as limits } from "../../platform/limits.ts";
import { menusDetail, menuSummaryView, menuView } from "./menu.ts";
import { tagQuery } from "./tag-filter.ts";
import { tagInputs, tagView } from "./tag.ts";

export const SEXES = ["masculino", "feminino"] as const;
export type Sex = (typeof SEXES)[number];

// prettier-ignore
export const STATES = [
  "AC", "AL", "AP", "AM", "BA", "CE", "DF", "ES", "GO", "MA", "MT", "MS", "MG", "PA", "PB", "PR",
  "PE", "PI", "RJ", "RN", "RS", "RO", "RR", "SC", "SP", "SE", "TO",
] as const;
export type State = (typeof STATES)[number];

export interface ContactInfo {
  readonly main_phone: string | null;
  readonly main_email: string | null;
  readonly all_phones: readonly string[];
  readonly all_emails: readonly string[];
}

export const ADDRESS_TEXTS = [
  "street",
  "number",
  "zip_code",
  "district",
  "city",
  "complement",
  "note",
] as const;
export type Address = { readonly [key in (typeof ADDRESS_TEXTS)[number]]: string | null } & {
  readonly state: State | null;
};

/** What is stored of a client beside its owner and its tags. */
export interface ClientFields {
  readonly name: string;
  readonly birthday: string | null;
  readonly sex: Sex;
  readonly contact_info: ContactInfo | null;
  readonly address: Address | null;
  readonly notes: string | null;
  readonly onboarding_data: Readonly<Record<string, unknown>> | null;
}

const name = Type.String({ minLength: 1, maxLength: limits.nameCharactersMax });
const profile = {
  name,
  birthday: nullable<string>("string", {
    maxLength: 40,
    description: "From 1900-01-01 to today; of a date and time the day is taken",
  }),
  sex: Type.String({ maxLength: 20, description: "masculino or feminino, in any case" }),
};

const phoneText = nullableText(limits.phoneCharactersMax);
const emailText = nullableText(limits.emailCharactersMax);
const contacts = (charactersMax: number) =>
  nullable<readonly string[]>("array", {
    items: { type: "string", maxLength: charactersMax },
    maxItems: limits.contactsMax,
  });
const contactInfo = {
  main_phone: phoneText,
  main_email: emailText,
  all_phones: contacts(limits.phoneCharactersMax),
  all_emails: contacts(limits.emailCharactersMax),
};
export interface ContactInput {
  readonly main_phone?: string | null;
  readonly main_email?: string | null;
  readonly all_phones?: readonly string[] | null;
  readonly all_emails?: readonly string[] | null;
}

const address = {
  ...Object.fromEntries(
    ADDRESS_TEXTS.map((key) => [key, nullableText(limits.addressCharactersMax)]),
  ),
  state: Type.Unsafe<State | null>({ enum: [...STATES, null] }),
};
export type AddressInput = { readonly [key in keyof Address]?: Address[key] };

const details = {
  contact_info: nullable<ContactInput>("object", {
    additionalProperties: false,
    properties: contactInfo,
  }),
  address: nullable<AddressInput>("object", { additionalProperties: false, properties: address }),
  tags: tagInputs,
  notes: nullableText(limits.notesCharactersMax),
};

/** With a form response, what the body leaves out is taken from the answers. */
export const newClientBody = closed(
  optional({
    profile: closed(optional(profile)),
    ...details,
    form_response_id: Type.String({ minLength: 1, maxLength: limits.responseIdCharactersMax }),
  }),
);

/** A partial body, or a whole client as it is read. */
export const clientChangesBody = closed(
  optional({
    profile: closed(optional(profile)),
    ...details,
    onboarding_data: nullable<Readonly<Record<string, unknown>>>("object"),
    version: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
    id: uuid,
    author_id: uuid,
    menus: Type.Unknown(),
    created_at: Type.Unknown(),
    updated_at: Type.Unknown(),
    discarded: Type.Unknown(),
  }),
);

const base = {
  id: uuid,
  created_at: Type.String({ format: "date-time" }),
  updated_at: Type.String({ format: "date-time" }),
  version: Type.Integer({ minimum: 1 }),
  discarded: Type.Boolean(),
  author_id: uuid,
};
export const clientView = closed({
  ...base,
  profile: closed({
    name: Type.String(),
    birthday: nullable<string>("string"),
    sex: Type.Enum([...SEXES]),
  }),
  contact_info: Type.Union([
    closed({
      main_phone: phoneText,
      main_email: emailText,
      all_phones: Type.Array(Type.String()),
      all_emails: Type.Array(Type.String()),
    }),
    Type.Null(),
  ]),
  address: Type.Union([closed(address), Type.Null()]),
  tags: Type.Array(tagView),
  menus: Type.Array(Type.Union([menuView, menuSummaryView])),
  notes: nullable<string>("string"),
  onboarding_data: nullable<object>("object"),
});

export const CLIENT_SORTS = [
  "-created_at",
  "created_at",
  "-updated_at",
  "updated_at",
  "name",
  "-name",
] as const;
export type ClientSort = (typeof CLIENT_SORTS)[number];

const ids = Type.Optional(Type.Array(uuid, { maxItems: limits.filterValuesMax }));
const instant = Type.Optional(
  Type.String({ description: "ISO 8601 date (midnight UTC) or date and time", maxLength: 40 }),
);
export const clientQuery = closed({
  id: ids,
  menu_id: ids,
  author_id: ids,
  name_contains: Type.Optional(
    Type.String({ minLength: 1, maxLength: limits.nameCharactersMax, description: "In any case" }),
  ),
  ...tagQuery,
  created_at_gte: instant,
  created_at_lte: instant,
  menus: menusDetail("summary"),
  ...pageQuery,
  sort: Type.Optional(Type.Enum([...CLIENT_SORTS], { default: "-created_at" })),
});
