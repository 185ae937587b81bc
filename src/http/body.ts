import { platformErrors } from "../platform/errors.ts";
import { httpLimits } from "../platform/limits.ts";
import { httpErrors } from "./errors.ts";

const JSON_TYPE =
  /^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** RFC 8259 §8.1: JSON between systems is UTF-8; another charset is another media type to us. */
export function isJsonType(contentType: string | undefined): boolean {
  return (
    contentType === "application/json" || (contentType !== undefined && JSON_TYPE.test(contentType))
  );
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * A JSON text as a value. Stricter than `JSON.parse`: invalid UTF-8, a name that comes twice in
 * one object (parsers disagree on which counts) and nesting past the limit are malformed. A NUL or
 * half a surrogate pair cannot be stored as text by the database and breaks validation.
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text; it is not passed on.
    throw httpErrors.failure("malformed_request", { detail: "The body is not valid JSON" });
  }
  inspect(text);
  return value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Walks a text that is known to be JSON. */
function inspect(text: string): void {
  // For each open object its names, for each open array nothing.
  const open: (Set<string> | undefined)[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      const end = endOfString(text, index);
      const names = open[open.length - 1];
      if (names !== undefined && isName(text, end)) addName(names, text.slice(index, end + 1));
      index = end;
    } else if (code === 0x7b || code === 0x5b) {
      open.push(code === 0x7b ? new Set() : undefined);
      if (open.length > httpLimits.jsonDepthMax) {
        throw httpErrors.failure("malformed_request", { detail: "The body is nested too deeply" });
      }
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
    }
  }
}

function endOfString(text: string, start: number): number {
  let index = start + 1;
  for (;;) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index;
    if (code !== BACKSLASH) {
      index += 1;
    } else if (text.charCodeAt(index + 1) !== 0x75) {
      index += 2;
    } else {
      index += escapeLength(text, index);
    }
  }
}

function escapeLength(text: string, index: number): number {
  const unit = Number.parseInt(text.slice(index + 2, index + 6), 16);
  if (unit === 0) throw unstorable();
  if (unit < 0xd800 || unit > 0xdfff) return 6;
  const low = /^\\u(d[c-f][0-9a-f]{2})/i.test(text.slice(index + 6, index + 12));
  if (unit > 0xdbff || !low) throw unstorable();
  return 12;
}

function unstorable() {
  return platformErrors.failure("validation_failed", {
    errors: [{ path: "/body", code: "text", message: "must not contain NUL or half a character" }],
  });
}

/** A string in an object is a name when a colon follows. */
function isName(text: string, end: number): boolean {
  let index = end + 1;
  while (isSpace(text.charCodeAt(index))) index += 1;
  return text.charCodeAt(index) === COLON;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function addName(names: Set<string>, quoted: string): void {
  const name = quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
  // An own property of this name becomes a prototype wherever the object is copied carelessly.
  if (names.has(name) || name === "__proto__") {
    throw httpErrors.failure("malformed_request", {
      detail: "An object of the body has a name twice, or one that is not allowed",
    });
  }
  names.add(name);
}
