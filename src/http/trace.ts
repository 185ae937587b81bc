import { randomBytes, randomUUID } from "node:crypto";
import { httpLimits } from "../platform/limits.ts";

/** Names one request, and where it stands in a distributed trace (W3C Trace Context). */
export interface RequestIds {
  /** A new request id: a UUID whose last 6 digits count, the rest is random. */
  next(): string;
}

const COUNTED_DIGITS = 6;
const idsPerPrefix = 2 ** (4 * COUNTED_DIGITS);
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * Ids are unique, not secret: a random prefix is bought now and then and the rest is counted,
 * because a random id costs more than the rest of a warm request.
 */
export function createRequestIds(): RequestIds {
  let prefix = "";
  let count = idsPerPrefix;
  return {
    next() {
      if (count === idsPerPrefix) {
        prefix = randomUUID().slice(0, -COUNTED_DIGITS);
        count = 0;
      }
      const id = prefix + HEX[count >>> 16]! + HEX[(count >>> 8) & 0xff]! + HEX[count & 0xff]!;
      count += 1;
      return id;
    },
  };
}

const REQUEST_ID = /^[A-Za-z0-9._:/+=@-]+$/;

/** The caller's id when it is one we may repeat in headers and logs, else undefined. */
export function acceptedId(text: string | undefined): string | undefined {
  if (text === undefined || text.length === 0) return undefined;
  if (text.length > httpLimits.requestIdCharactersMax || !REQUEST_ID.test(text)) return undefined;
  return text;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = "0".repeat(32);
const ZERO_SPAN = "0".repeat(16);

/** Trace id and flags of a well-formed `traceparent`, else undefined: then a new trace begins. */
export function readTraceparent(
  text: string | undefined,
): { traceId: string; flags: string } | undefined {
  const match = text === undefined ? null : TRACEPARENT.exec(text);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined;
  return { traceId: traceId!, flags: flags! };
}

/**
 * The `traceparent` of what we do for a request: the caller's trace under a span of our own. We
 * sample nothing ourselves, so a trace begun here is not marked as sampled.
 */
export function traceparentFor(received: string | undefined): string {
  const caller = readTraceparent(received);
  const spanId = randomBytes(8).toString("hex");
  if (caller === undefined) return `00-${randomBytes(16).toString("hex")}-${spanId}-00`;
  return `00-${caller.traceId}-${spanId}-${caller.flags === "00" ? "00" : "01"}`;
}
