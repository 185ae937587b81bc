import { tokenLimits } from "../../platform/limits.ts";

/** Claims that are names, where a token has them. */
export type TextClaim = "jti" | "client_id" | "sid" | "tid" | "did" | "origin_jti";

// eslint-disable-next-line no-control-regex -- these are the characters (Unicode category Cc)
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** A name or id: text of 1 to 255 characters without control characters (OpenID Connect Core §2). */
export function isName(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= tokenLimits.nameCharactersMax &&
    !CONTROL.test(value)
  );
}

/** RFC 7519 §2 NumericDate. `1e400` is infinite here; 0 and below are no time of ours. */
export function isInstant(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= Number.MAX_SAFE_INTEGER;
}

/** RFC 7519 §4.1.3: a text, or a list of nothing but texts. */
export function isAudienceForm(value: unknown): value is string | readonly string[] {
  if (typeof value === "string") return true;
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** True if one of `audiences` is the audience, or among the audiences. Exact comparison. */
export function isAudience(value: unknown, audiences: readonly string[]): boolean {
  if (!isAudienceForm(value)) return false;
  return typeof value === "string"
    ? audiences.includes(value)
    : value.some((one) => audiences.includes(one));
}
