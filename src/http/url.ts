import { httpErrors } from "./errors.ts";
import { httpLimits } from "../platform/limits.ts";
import type { Rejection } from "../platform/errors.ts";

// RFC 3986: what may stand in a request target. No control or non-ASCII byte, no backslash (some
// servers take it for a slash), no fragment.
const TARGET = /^[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
const DOT_SEGMENT = /(?:^|\/)\.\.?(?:\/|$)/;

const URI_TOO_LONG = httpErrors.rejection("uri_too_long");
const MALFORMED = httpErrors.rejection("malformed_request", { note: "request target" });

/** Refuses a target that breaks the rules. Undefined: it is good. */
export function targetFault(path: string, query: string): Rejection | undefined {
  if (path.length + query.length >= httpLimits.urlBytesMax) return URI_TOO_LONG;
  if (!path.startsWith("/") || !TARGET.test(path) || !TARGET.test(query)) return MALFORMED;
  return undefined;
}

/**
 * The path decoded once, segment by segment. A rejection for a broken escape, for a decoded slash,
 * backslash or control character, and for dot segments: none of them can be meant.
 */
export function decodePath(path: string): string | Rejection {
  let decoded = path;
  if (path.includes("%")) {
    try {
      // No segment may hold a slash afterwards, so the whole can be decoded at once.
      if (/%(?:2f|5c)/i.test(path)) return MALFORMED;
      decoded = decodeURIComponent(path);
    } catch {
      return MALFORMED;
    }
    // oxlint-disable-next-line no-control-regex
    if (/[\0-\x1f\x7f\\]/.test(decoded)) return MALFORMED;
  }
  return DOT_SEGMENT.test(decoded) ? MALFORMED : decoded;
}

/**
 * The pairs of a query, decoded once, a list of values for each name. Undefined when an escape is
 * broken, hides a NUL, or there are too many pairs.
 */
export function parseQuery(query: string): Map<string, string[]> | undefined {
  const values = new Map<string, string[]>();
  const pairs = query.split("&");
  if (pairs.length > httpLimits.queryPairsMax) return undefined;
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decodeQueryText(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? "" : decodeQueryText(pair.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    const list = values.get(name);
    if (list === undefined) values.set(name, [value]);
    else list.push(value);
  }
  return values;
}

function decodeQueryText(text: string): string | undefined {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    const decoded = decodeURIComponent(spaced);
    return decoded.includes("\0") ? undefined : decoded;
  } catch {
    return undefined;
  }
}
