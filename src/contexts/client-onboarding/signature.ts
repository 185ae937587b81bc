import { createHmac, timingSafeEqual } from "node:crypto";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import { formSecretOf } from "./webhook-secret.ts";

const PREFIX = "sha256=";
const SIGNATURE_CHARACTERS = PREFIX.length + 44;

/** `sha256=` and the base64 of the HMAC-SHA256 over the very bytes, as TypeForm signs them. */
export function signatureOf(body: Uint8Array, secret: string): string {
  return PREFIX + createHmac("sha256", secret).update(body).digest("base64");
}

/**
 * Whether a delivery carries exactly one signature, and that by one of the secrets. All secrets are
 * tried and texts of one length compared in constant time: the time tells nothing but the length.
 */
export function isSigned(
  body: Uint8Array,
  given: readonly string[],
  secrets: readonly string[],
): boolean {
  const sent = signatureIn(given);
  if (sent === undefined) return false;
  let isGood = false;
  for (const secret of secrets) {
    if (timingSafeEqual(Buffer.from(signatureOf(body, secret), "utf8"), sent)) isGood = true;
  }
  return isGood;
}

/** Undefined: whatever it is, no secret gives it. */
function signatureIn(given: readonly string[]): Buffer | undefined {
  if (given.length !== 1) return undefined;
  const sent = Buffer.from(given[0]!, "utf8");
  return sent.length === SIGNATURE_CHARACTERS ? sent : undefined;
}

/** Who signed a delivery: `ours` speaks for every form, the secret of a form for that one alone. */
export type Signer =
  | { readonly kind: "ours" }
  | { readonly kind: "form"; readonly typeformId: string };

/**
 * Who signed, found before a word of the body is read: with one of our secrets, or with what one of
 * them makes of a form that the bytes name. Nobody looks whether there is such a form: a bad
 * signature costs the same and is answered alike, whichever form it names.
 */
export function findSigner(
  body: Uint8Array,
  given: readonly string[],
  secrets: readonly string[],
): Signer | undefined {
  if (signatureIn(given) === undefined) return undefined;
  if (isSigned(body, given, secrets)) return { kind: "ours" };
  for (const typeformId of formsNamedIn(body)) {
    const ofForm = secrets.map((secret) => formSecretOf(secret, typeformId));
    if (isSigned(body, given, ofForm)) return { kind: "form", typeformId };
  }
  return undefined;
}

/** Who has read the secret of one form at TypeForm says nothing of another one. */
export const speaksFor = (signer: Signer, typeformId: string) =>
  signer.kind === "ours" || signer.typeformId === typeformId;

const NAME = Buffer.from('"form_id"');
const VALUE = /^\s{0,8}:\s{0,8}"([A-Za-z0-9_-]{3,50})"/;
const VALUE_BYTES = 70;

/**
 * Forms that the bytes name, as `"form_id":"…"`, without being understood; one that is nobody's
 * when they name none. A quote within a text is escaped, so no answer can look like it; the first
 * ones count, and TypeForm's own is first.
 */
function formsNamedIn(body: Uint8Array): ReadonlySet<string> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const found = new Set<string>();
  let at = bytes.indexOf(NAME);
  for (let seen = 0; at !== -1 && seen < limits.formsNamedMaxCount; seen++) {
    const from = at + NAME.length;
    const id = VALUE.exec(bytes.toString("latin1", from, from + VALUE_BYTES))?.[1];
    if (id !== undefined) found.add(id);
    at = bytes.indexOf(NAME, from);
  }
  return found.size === 0 ? new Set([""]) : found;
}
