import { AppError } from "./errors.ts";
import { logLimits } from "./limits.ts";

const CENSORED = "[redacted]";

const SECRET_KEY =
  /pass(word|wd|phrase)|^pwd$|secret|token|cookie|authorization|api[-_]?key|private[-_]?key|credential|^jwt$|^key$|signature|_?otp$|recovery_?code/i;
// Names that speak of a secret without holding one.
const HARMLESS_KEY =
  /(_|^)(id|kid|type|count|digest|seconds|ms|kind|state|name|code)$|(Id|Type|Count|Digest|Seconds|Ms|Kind)$/;

const secretKeys = new Map<string, boolean>();

function isSecretKey(key: string): boolean {
  let isSecret = secretKeys.get(key);
  if (isSecret === undefined) {
    isSecret = SECRET_KEY.test(key) && (!HARMLESS_KEY.test(key) || /recovery_?code/i.test(key));
    // Keys are written in our source; a foreign object must not fill the memory.
    if (secretKeys.size < 2_000) secretKeys.set(key, isSecret);
  }
  return isSecret;
}

type Fields = Record<string, unknown>;

/** The same fields with every secret replaced, at any depth; the same object if there is none. */
export function redact(fields: Fields, depth = 0): Fields {
  let copy: Fields | undefined;
  for (const key in fields) {
    const value = fields[key];
    let shown = value;
    if (typeof value === "string") {
      if (isSecretKey(key)) shown = CENSORED;
    } else if (typeof value === "object" && value !== null) {
      shown = isSecretKey(key) ? CENSORED : redactObject(value, depth + 1);
    }
    if (shown !== value) {
      copy ??= { ...fields };
      copy[key] = shown;
    }
  }
  return copy ?? fields;
}

function redactObject(value: object, depth: number): unknown {
  if (value instanceof Error) return toLoggedError(value, depth);
  if (depth > logLimits.redactionDepthMax) return "[too deep]";
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return redactList(value, depth);
  if (value instanceof Map || value instanceof Set) return `[${value.constructor.name}]`;
  if (value instanceof Date) return value;
  return redact(value as Fields, depth);
}

function redactList(list: readonly unknown[], depth: number): unknown {
  let isChanged = false;
  const shown = list.map((value) => {
    if (typeof value !== "object" || value === null) return value;
    const safe = redactObject(value, depth + 1);
    isChanged ||= safe !== value;
    return safe;
  });
  return isChanged ? shown : list;
}

/**
 * What a log line tells of an error. Named fields only: a database error's `detail` and `where`
 * hold values of rows, other libraries hang whole requests on theirs.
 */
export function toLoggedError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) {
    return typeof error === "object" && error !== null ? redact(error as Fields, depth) : error;
  }
  const fields: Fields = { type: error.name, message: error.message, stack: error.stack };
  const told = error as Error & Fields;
  for (const key of ["code", "status", "note", "severity", "constraint", "table", "syscall"]) {
    if (told[key] !== undefined) fields[key] = told[key];
  }
  // An expected refusal has no use for a stack.
  if (error instanceof AppError && error.status < 500) delete fields["stack"];
  if (error.cause !== undefined && depth < logLimits.redactionDepthMax) {
    fields["cause"] = toLoggedError(error.cause, depth + 1);
  }
  return fields;
}

// One pass over the finished line, whatever way a secret or a control character got into it.
// U+007F to U+009F and the two line separators are the ones JSON leaves as they are.
// eslint-disable-next-line no-control-regex
const SUSPECT =
  /[\u007f-\u009f\u2028\u2029]|eyJ[\w-]{6}|brg_\w{6}|[Bb]earer |:\/\/[^\s/@"]*:[^\s/@"]*@/;

export function scrubLine(line: string): string {
  if (!SUSPECT.test(line)) return line;
  return line
    .replace(/eyJ[\w-]{6,}(?:\.[\w-]*)*/g, CENSORED)
    .replace(/brg_\w{6,}/g, CENSORED)
    .replace(/([Bb]earer )[\w.~+/=-]+/g, `$1${CENSORED}`)
    .replace(/(:\/\/[^\s/@":]*):[^\s/@"]*@/g, `$1:${CENSORED}@`)
    .replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
}
