import { createHmac, timingSafeEqual } from "node:crypto";

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
