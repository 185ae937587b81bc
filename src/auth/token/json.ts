import { isUtf8 } from "node:buffer";
import { tokenLimits } from "../../platform/limits.ts";
import { tokenFault, type TokenFault } from "./fault.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * Reads one JSON object as RFC 7515 §4 and RFC 7519 §4 want it and `JSON.parse` does not: valid
 * UTF-8, no byte order mark, no name twice in any object (compared after unescaping), no
 * `__proto__`, no lone surrogates, bounded nesting.
 *
 * Repeated names are found by counting: a valid text has one colon outside of strings for each
 * member, and the value that `JSON.parse` makes of it has fewer members if a name came twice.
 */
export function parseJsonObject(bytes: Buffer): JsonObject | TokenFault {
  if (!isUtf8(bytes)) return tokenFault("utf8");
  const colons = countColons(bytes);
  if (colons < 0) return tokenFault("nesting");
  const text = bytes.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A byte order mark ends here too: it is not white space for JSON.
    return tokenFault("json");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return tokenFault("object");
  }
  // Without an escape a valid UTF-8 text holds no lone surrogate.
  if (text.includes("\\") && !isWellFormed(value)) return tokenFault("text");
  const members = countMembers(value);
  if (members < 0) return tokenFault("name_forbidden");
  return members === colons ? (value as JsonObject) : tokenFault("name_repeated");
}

/** Colons outside of strings, or -1 when the text nests deeper than the limit. */
function countColons(bytes: Buffer): number {
  let colons = 0;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === COLON) colons++;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > tokenLimits.jsonDepthMax) return -1;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return colons;
}

/** Members of a value and of all values in it, or -1 when one of them is called `__proto__`. */
function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  const isArray = Array.isArray(value);
  for (const name in value) {
    // `JSON.parse` makes it an own property, but whoever copies the object sets a prototype.
    if (name === "__proto__") return -1;
    const inner = countMembers((value as JsonObject)[name]);
    if (inner < 0) return -1;
    count += isArray ? inner : inner + 1;
  }
  return count;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** True if no name and no text of a value has half a surrogate pair. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return !LONE_SURROGATE.test(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(
    ([name, member]) => isWellFormed(name) && isWellFormed(member),
  );
}
