import type { Rejection } from "../platform/errors.ts";

/** Header fields of one request, names in lower case, in the order they came. */
export interface HeaderFields {
  /** Name, value, name, value, … */
  readonly pairs: readonly string[];
  readonly host: string;
  readonly authorization: string | undefined;
  /** `x-api-key` */
  readonly apiKey: string | undefined;
  readonly contentType: string | undefined;
  readonly origin: string | undefined;
  readonly requestId: string | undefined;
  readonly correlationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly forwardedFor: string | undefined;
}

/**
 * A request as a transport hands it over. Everything but the body and the address is already
 * copied; both must be asked for before the first wait.
 */
export interface RawRequest {
  /** Upper case, as sent. */
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** As sent, without the question mark; empty when there is none. */
  readonly query: string;
  readonly fields: HeaderFields;
  /** Declared length of the body; 0 when there is none. */
  readonly contentLength: number;
  /** What the transport's guard found. Such a request is answered, never handled. */
  readonly fault: Rejection | undefined;
  /** Address of the peer, not of who stands behind it. Bought only when asked for. */
  peerAddress(): string;
  /** Takes in the body. Rejects with an `AppError` when it cannot be had. */
  receiveBody(): Promise<Uint8Array>;
  /** Called once when the client goes away before the answer. */
  onAbort: (() => void) | undefined;
}

/** Every value of a header by lower-case name. */
export function valuesOf(fields: HeaderFields, name: string): string[] {
  const { pairs } = fields;
  return pairs.filter((_, index) => index % 2 === 1 && pairs[index - 1] === name);
}

/** First value of a header by lower-case name. */
export function fieldOf(fields: HeaderFields, name: string): string | undefined {
  const { pairs } = fields;
  for (let index = 0; index < pairs.length; index += 2) {
    if (pairs[index] === name) return pairs[index + 1];
  }
  return undefined;
}
