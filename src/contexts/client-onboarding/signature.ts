import { createHmac, timingSafeEqual } from "node:crypto";
import { parseJson } from "../../http/body.ts";
import { isObject } from "./answers.ts";
import { formSecretOf } from "./webhook-secret.ts";

const PREFIX = "sha256=";

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
  if (given.length !== 1) return false;
  const sent = Buffer.from(given[0]!, "utf8");
  let isGood = false;
  for (const secret of secrets) {
    const wanted = Buffer.from(signatureOf(body, secret), "utf8");
    if (wanted.length === sent.length && timingSafeEqual(wanted, sent)) isGood = true;
  }
  return isGood;
}

/**
 * Whether TypeForm signed a delivery: with one of our secrets, or with what one of them makes of the
 * form that the delivery says it is of. Nobody looks whether there is such a form: a bad signature
 * costs the same and is answered alike, whatever it names.
 */
export function isGenuine(
  body: Uint8Array,
  given: readonly string[],
  secrets: readonly string[],
): boolean {
  if (isSigned(body, given, secrets)) return true;
  const form = formNamedIn(body);
  return isSigned(
    body,
    given,
    secrets.map((secret) => formSecretOf(secret, form)),
  );
}

/** What a body that nobody has proved says of itself; empty when it does not say it. */
function formNamedIn(body: Uint8Array): string {
  try {
    const payload = parseJson(body);
    const response = isObject(payload) ? payload["form_response"] : undefined;
    const form = isObject(response) ? response["form_id"] : undefined;
    return typeof form === "string" ? form : "";
  } catch {
    return "";
  }
}
