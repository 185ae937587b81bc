import { tokenLimits } from "../../platform/limits.ts";

/**
 * Decodes canonical base64url: the alphabet of RFC 4648 §5 only, no padding, unused bits zero
 * (§3.5). Node's decoder is lenient, so the bytes are encoded again and compared: two texts never
 * mean the same token. Undefined for anything else.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

/** Only ever holds what one call puts there. Its longest text is a whole token. */
const scratch = Buffer.allocUnsafeSlow(tokenLimits.textBytesMax);

/** True for what `decodeBase64url` would decode; for the parts that only others need as bytes. */
export function isBase64url(text: string): boolean {
  if (text.length > tokenLimits.textBytesMax) return false;
  const length = scratch.write(text, "base64url");
  return scratch.toString("base64url", 0, length) === text;
}
