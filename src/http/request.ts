import type { Logger } from "../platform/log.ts";
import type { Principal } from "./principal.ts";

/** What a handler gets. Everything was copied out of the transport before the first wait. */
export interface Request<Params = unknown, Query = unknown, Body = unknown> {
  /** The request id: the caller's `x-request-id` when well-formed, else ours. */
  readonly id: string;
  readonly method: string;
  /** Path as received, without the query, decoded once. */
  readonly path: string;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Exact bytes of the body (webhook signatures); empty when there is none. */
  readonly rawBody: Uint8Array;
  /** First value of a header by lower-case name. */
  header(name: string): string | undefined;
  /** Every value of a header by lower-case name, in the order they came. */
  headerValues(name: string): string[];
  /** Present on every route whose access is not `public`. */
  readonly principal: Principal;
  /**
   * Of a route that takes the bytes as sent: who sent them is proved, so he is charged in place of
   * his network. Throws `rate_limited`.
   */
  chargeSender(name: string): void;
  /** Address of the caller after `TRUSTED_PROXY_HOPS`. */
  readonly address: string;
  readonly userAgent: string;
  /** W3C trace context to carry on to outgoing calls. */
  readonly traceparent: string;
  readonly log: Logger;
  /** Aborted when the client goes away or the deadline passes. */
  readonly signal: AbortSignal;
}

export type AnyRequest = Request<any, any, any>;
