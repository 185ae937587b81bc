import type { Rejection } from "../../platform/errors.ts";
import { httpErrors } from "../errors.ts";

/** How often each header came whose repetition or presence is an attack. */
export interface FieldCount {
  readonly hosts: number;
  readonly authorizations: number;
  readonly apiKeys: number;
  readonly contentTypes: number;
  readonly cookies: number;
  readonly contentLengths: number;
  readonly transferEncodings: number;
  readonly forwardedFors: number;
  readonly contentLength: string | undefined;
}

/**
 * What the guard decides.
 * - `pass`: to the pipeline, with the declared length of the body.
 * - `refuse`: framing is sound; answered with the fault, the connection may live on.
 * - `refuseAndClose`: answered, and nothing that follows on the connection may be believed.
 * - `cut`: an attack on framing; closed without an answer.
 */
export type GuardVerdict =
  | { readonly kind: "pass"; readonly contentLength: number }
  | { readonly kind: "refuse" | "refuseAndClose"; readonly fault: Rejection }
  | { readonly kind: "cut" };

const PASS_EMPTY: GuardVerdict = Object.freeze({ kind: "pass", contentLength: 0 });
const CUT: GuardVerdict = Object.freeze({ kind: "cut" });
const refuse = (
  kind: "refuse" | "refuseAndClose",
  code: Parameters<typeof httpErrors.rejection>[0],
  note: string,
) => Object.freeze({ kind, fault: httpErrors.rejection(code, { note }) });
const NO_LENGTH = refuse("refuseAndClose", "length_required", "no content-length");
const UNKNOWN_METHOD = refuse("refuseAndClose", "method_not_implemented", "method");
const BAD_HOST = refuse("refuseAndClose", "host_invalid", "host count");
const REPEATED = refuse("refuse", "malformed_request", "repeated header");

const LENGTH = /^\d{1,15}$/;

/**
 * Refuses what the parser below lets through. It believes `Transfer-Encoding: anything`, misreads
 * chunk extensions, takes the first of two lengths: whoever stands in front of us may cut the same
 * bytes elsewhere (request smuggling). So there is one way to frame a body, one content-length of
 * digits, and everything else is cut off.
 *
 * @param forwardedHops proxies of ours in front: their header may come once
 */
export function guard(method: string, fields: FieldCount, forwardedHops: number): GuardVerdict {
  if (fields.transferEncodings > 0 || fields.contentLengths > 1) return CUT;
  const { contentLength } = fields;
  let length = 0;
  if (contentLength !== undefined) {
    if (!LENGTH.test(contentLength)) return CUT;
    length = Number(contentLength);
  }
  switch (method) {
    case "GET":
    case "HEAD":
    case "DELETE":
    case "OPTIONS":
      if (length !== 0) return CUT;
      break;
    case "POST":
    case "PUT":
    case "PATCH":
      // RFC 9112 §6.3 would read "no body". A length that a forged line hid from us would make
      // the body the next request; so whoever sends a body-bearing method says its length.
      if (contentLength === undefined) return NO_LENGTH;
      break;
    default:
      return length !== 0 ? CUT : UNKNOWN_METHOD;
  }
  if (fields.hosts !== 1) return BAD_HOST;
  if (fields.authorizations > 1 || fields.apiKeys > 1) return REPEATED;
  if (fields.contentTypes > 1 || fields.cookies > 1) return REPEATED;
  if (forwardedHops > 0 && fields.forwardedFors > 1) return REPEATED;
  return length === 0 ? PASS_EMPTY : { kind: "pass", contentLength: length };
}
