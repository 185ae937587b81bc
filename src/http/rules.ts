import { platformErrors, type AppError, type FieldFault } from "../platform/errors.ts";
import { productLimits } from "../platform/limits.ts";

/** 422 with one fault for each broken rule. */
export function validationFailure(errors: readonly FieldFault[]): AppError {
  return platformErrors.failure("validation_failed", { errors });
}

// Unicode category Cc, and the same without the three that make up text with lines.
const CONTROLS_OF_A_LINE = /[\u0000-\u001f\u007f-\u009f]/;
const CONTROLS_OF_A_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

// Half of a character: PostgreSQL would get U+FFFD in its place.
const LONE_SURROGATE = /\p{Surrogate}/u;

export interface TextRule {
  /** Code points. */
  readonly charactersMax: number;
  /** Tabs and line ends are allowed. */
  readonly hasLines?: boolean;
}

/** Text as it is stored: trimmed, otherwise as sent; null when empty; or what is wrong with it. */
export function cleanText(
  text: string,
  rule: TextRule,
): { readonly text: string | null } | { readonly code: string; readonly message: string } {
  const trimmed = text.trim();
  if (trimmed === "") return { text: null };
  if ((rule.hasLines ? CONTROLS_OF_A_TEXT : CONTROLS_OF_A_LINE).test(trimmed)) {
    return { code: "control_character", message: "must not contain control characters" };
  }
  if (LONE_SURROGATE.test(trimmed)) {
    return { code: "malformed_text", message: "must be well-formed Unicode" };
  }
  if (trimmed.length > rule.charactersMax && Array.from(trimmed).length > rule.charactersMax) {
    return {
      code: "max_length",
      message: `must not have more than ${rule.charactersMax} characters`,
    };
  }
  return { text: trimmed };
}

/** An http or https address in its normal form, or undefined. */
export function cleanUrl(text: string): string | undefined {
  const trimmed = text.trim();
  // `URL.parse` answers both at once, but Node 20 has not got it.
  if (!URL.canParse(trimmed)) return undefined;
  const url = new URL(trimmed);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  return url.href.length <= productLimits.urlCharactersMax ? url.href : undefined;
}

const DATE_TIME =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/**
 * An ISO 8601 date (midnight) or date and time; without an offset it is UTC. Undefined when it is
 * none or when there is no such day.
 */
export function readInstant(text: string): Date | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, day, minutes = "00:00", seconds = ":00", offset = "Z"] = match;
  const zone = offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset;
  const instant = new Date(`${day}T${minutes}${seconds}${zone.toUpperCase()}`);
  if (Number.isNaN(instant.getTime())) return undefined;
  // JavaScript reads 31 February as 3 March.
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day!) ? instant : undefined;
}

/**
 * The version that a writer says he has seen: `If-Match` (`"3"` or `3`; `*` is any) or a number
 * from the body. Undefined: he does not care. Both given and different is a broken rule.
 */
export function expectedVersion(
  ifMatch: string | undefined,
  fromBody: number | undefined,
): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === "*") return fromBody;
  const match = /^(?:W\/)?"?(\d{1,9})"?$/.exec(ifMatch.trim());
  const version = match === null ? undefined : Number(match[1]);
  if (version === undefined || (fromBody !== undefined && fromBody !== version)) {
    throw validationFailure([
      { path: "/headers/if-match", code: "version", message: "must name the one version seen" },
    ]);
  }
  return version;
}
