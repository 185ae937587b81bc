import { httpLimits } from "../platform/limits.ts";

// RFC 9110 §5.1: a name is a token. The transport copies what it is given, so a line end in a
// value would begin a header, or an answer, of the attacker's choice.
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
// oxlint-disable-next-line no-control-regex
const VALUE_FORBIDDEN = /[\0-\x08\x0a-\x1f\x7f]/;

/**
 * One header line, `name: value`. Throws a `TypeError` for a name that is no token or a value with
 * a control character: that is a fault of ours and must end as a 500, not as a split response.
 */
export function headerLine(name: string, value: string): string {
  const lower = name.toLowerCase();
  if (!NAME.test(lower)) throw new TypeError("a header name is not a token");
  if (VALUE_FORBIDDEN.test(value))
    throw new TypeError(`the value of ${lower} has control characters`);
  return `${lower}: ${value}`;
}

/** Header lines as one block. */
export function headerBlock(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => headerLine(name, value))
    .join("\r\n");
}

/** Fields every answer carries, before the route and the handler have their say. */
export function defaultHeaders(options: {
  readonly production: boolean;
  readonly publicUrl: string;
  readonly varyOrigin: boolean;
}): Readonly<Record<string, string>> {
  return Object.freeze({
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    ...(options.varyOrigin ? { vary: "origin" } : {}),
    // RFC 6797 §7.2: never over plain HTTP; behind a proxy the public address tells.
    ...(options.production && options.publicUrl.startsWith("https://")
      ? { "strict-transport-security": `max-age=${httpLimits.hstsSeconds}; includeSubDomains` }
      : {}),
  });
}
