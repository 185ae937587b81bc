import { accountLimits as limits } from "../../platform/limits.ts";

// The rule is what mail systems deliver to, not the whole grammar of RFC 5321: one `@` with
// something in front of it and a dotted name behind it, no blanks and no control characters.
const EMAIL =
  /^[^\s@\p{Cc}\p{Cs}<>()[\]\\,;:"]{1,64}@[^\s@\p{Cc}\p{Cs}<>()[\]\\,;:"._-][^\s@\p{Cc}\p{Cs}<>()[\]\\,;:"]*\.[^\s@\p{Cc}\p{Cs}<>()[\]\\,;:"._-]{2,}$/u;
// Without `@`, so that no user name is somebody's address.
const USERNAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/**
 * An e-mail address as we store and compare it: trimmed, NFC, lower case. Undefined when it is
 * none. Mail goes to this form, so two spellings never lead to two owners.
 */
export function normaliseEmail(text: string): string | undefined {
  const email = text.trim().normalize("NFC").toLowerCase();
  if (email.length > limits.emailMaxCharacters || email.includes("..")) return undefined;
  return EMAIL.test(email) ? email : undefined;
}

/** A user name as shown: 3 to 32 letters, digits, dots, dashes. Compared without regard to case. */
export function readUsername(text: string): string | undefined {
  const username = text.trim();
  const { usernameMinCharacters: min, usernameMaxCharacters: max } = limits;
  return username.length >= min && username.length <= max && USERNAME.test(username)
    ? username
    : undefined;
}

/** A person's name as shown: trimmed, NFC, without control characters. Undefined when unusable. */
export function readName(text: string): string | undefined {
  const name = text.trim().normalize("NFC");
  if (name === "" || Array.from(name).length > limits.nameMaxCharacters) return undefined;
  return /[\p{Cc}\p{Cs}]/u.test(name) ? undefined : name;
}

/** What somebody types to say who they are, in the form it is looked up by. */
export type Identifier = { readonly email: string } | { readonly username: string };

/** A text with an `@` can only be an address. */
export function toIdentifier(text: string): Identifier {
  const folded = text.trim().normalize("NFC").toLowerCase();
  return folded.includes("@") ? { email: folded } : { username: folded };
}
