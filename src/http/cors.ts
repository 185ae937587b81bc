import { httpLimits } from "../platform/limits.ts";
import { headerBlock } from "./header-block.ts";

export interface Cors {
  /** Header lines for an answer to a script of `origin`; undefined when it may not read it. */
  linesFor(origin: string): string | undefined;
  /** Header fields of the answer to a preflight. */
  preflight(origin: string, allow: string): Readonly<Record<string, string>>;
  readonly enabled: boolean;
}

const REQUEST_FIELDS = [
  "authorization",
  "content-type",
  "if-match",
  "if-none-match",
  "idempotency-key",
  "traceparent",
  "x-api-key",
  "x-correlation-id",
  "x-request-id",
].join(", ");

const RESPONSE_FIELDS = [
  "etag",
  "link",
  "location",
  "ratelimit-limit",
  "ratelimit-remaining",
  "ratelimit-reset",
  "retry-after",
  "www-authenticate",
  "x-correlation-id",
  "x-request-id",
].join(", ");

/**
 * Which origins' scripts may read us. Tokens travel in a header that only the script itself can
 * set, so credentials mode is never allowed and `*` stays harmless.
 */
export function createCors(origins: readonly string[]): Cors {
  const any = origins.includes("*");
  const allowed = new Map(origins.map((origin) => [origin, linesOf(any ? "*" : origin)]));
  const anyLines = any ? linesOf("*") : undefined;
  return Object.freeze({
    enabled: origins.length > 0,
    linesFor: (origin: string) => anyLines ?? allowed.get(origin),
    preflight(origin: string, allow: string) {
      if (!any && !allowed.has(origin)) return { allow };
      return {
        allow,
        "access-control-allow-methods": allow,
        "access-control-allow-headers": REQUEST_FIELDS,
        "access-control-max-age": String(httpLimits.corsMaxAgeSeconds),
      };
    },
  });
}

function linesOf(origin: string): string {
  return headerBlock({
    "access-control-allow-origin": origin,
    "access-control-expose-headers": RESPONSE_FIELDS,
  });
}
