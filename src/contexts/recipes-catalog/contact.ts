import { catalogClientLimits } from "../../platform/limits.ts";

/** Says whether a text is a telephone number; without a country it is one of Brazil. */
export type IsPhone = (text: string) => boolean;

let loaded: Promise<IsPhone> | undefined;

/** The tables of all countries are loaded when somebody first needs them: no start waits for them. */
export function loadIsPhone(): Promise<IsPhone> {
  loaded ??= import("libphonenumber-js").then(({ parsePhoneNumberFromString }) => (text) => {
    const number = parsePhoneNumberFromString(text, { defaultCountry: "BR", extract: false });
    return number?.isPossible() ?? false;
  });
  return loaded;
}

// What mail systems deliver to, not the whole grammar of RFC 5321; no word is forbidden in it.
const EMAIL = /^([a-z0-9!#$%&'*+/=?^_`{|}~.-]+)@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/;

/** The address in lower case, or undefined when it is none. */
export function readEmail(text: string): string | undefined {
  const folded = text.trim().toLowerCase();
  if (folded.length > catalogClientLimits.emailCharactersMax) return undefined;
  const [, local] = EMAIL.exec(folded) ?? [];
  return local !== undefined && local.length <= catalogClientLimits.emailLocalCharactersMax
    ? folded
    : undefined;
}
