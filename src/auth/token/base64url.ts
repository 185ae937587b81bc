/**
 * Decodes canonical base64url: the alphabet of RFC 4648 §5 only, no padding, unused bits zero
 * (§3.5). Node's decoder is lenient, so the bytes are encoded again and compared: two texts never
 * mean the same token. Undefined for anything else.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
