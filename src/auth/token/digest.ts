import { createHash } from "node:crypto";

/**
 * SHA-256 over the whole token text and the id of the rule set it was validated by, 32 bytes. The
 * whole text, because the same claims may be signed twice; the rules, because a token good for one
 * audience is not good for another.
 */
export function tokenDigest(token: string, ruleSetId: string): Buffer {
  // NUL is in neither: two pairs never give one input.
  return createHash("sha256").update(`${ruleSetId}\0${token}`, "utf8").digest();
}

/** What a log may show of a token: the first 8 hexadecimal digits of its digest. */
export function tokenLabel(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 8);
}
