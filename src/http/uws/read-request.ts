import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { platformErrors, type AppError, type Rejection } from "../../platform/errors.ts";
import { serverLimits } from "../../platform/limits.ts";
import { httpErrors } from "../errors.ts";
import { plainAddress } from "../forwarded.ts";
import type { HeaderFields, RawRequest } from "../raw-request.ts";
import type { FieldCount } from "./guard.ts";

/** What one pass over the header leaves behind: the fields and how often the dangerous ones came. */
export class ReadFields implements HeaderFields, FieldCount {
  readonly pairs: string[] = [];
  host = "";
  authorization: string | undefined;
  apiKey: string | undefined;
  contentType: string | undefined;
  origin: string | undefined;
  requestId: string | undefined;
  correlationId: string | undefined;
  traceparent: string | undefined;
  forwardedFor: string | undefined;
  contentLength: string | undefined;
  hosts = 0;
  authorizations = 0;
  apiKeys = 0;
  contentTypes = 0;
  cookies = 0;
  contentLengths = 0;
  transferEncodings = 0;
  forwardedFors = 0;

  add(name: string, value: string): void {
    this.pairs.push(name, value);
    // The length tells most names apart without a comparison.
    switch (name.length) {
      case 4:
        if (name === "host") {
          this.host = value;
          this.hosts += 1;
        }
        break;
      case 6:
        if (name === "cookie") this.cookies += 1;
        else if (name === "origin") this.origin ??= value;
        break;
      case 9:
        if (name === "x-api-key") {
          this.apiKey ??= value;
          this.apiKeys += 1;
        }
        break;
      case 11:
        if (name === "traceparent") this.traceparent ??= value;
        break;
      case 12:
        if (name === "content-type") {
          this.contentType ??= value;
          this.contentTypes += 1;
        } else if (name === "x-request-id") this.requestId ??= value;
        break;
      default:
        this.#addLong(name, value);
    }
  }

  #addLong(name: string, value: string): void {
    if (name === "authorization") {
      this.authorization ??= value;
      this.authorizations += 1;
    } else if (name === "content-length") {
      this.contentLength ??= value;
      this.contentLengths += 1;
    } else if (name === "transfer-encoding") this.transferEncodings += 1;
    else if (name === "x-forwarded-for") {
      this.forwardedFor ??= value;
      this.forwardedFors += 1;
    } else if (name === "x-correlation-id") this.correlationId ??= value;
  }
}

let reading = new ReadFields();
// One function for all requests: a closure for each would be the costliest part of the pass.
const addField = (name: string, value: string): void => reading.add(name, value);

/** Copies the header out of a request that is gone when the callback returns. */
export function readFields(request: HttpRequest): ReadFields {
  const fields = (reading = new ReadFields());
  request.forEach(addField);
  return fields;
}

/**
 * The same text as one of our literals. Each comparison and look-up with the fresh copy of the
 * native code would search the table of known strings again.
 */
function knownMethod(text: string): string {
  switch (text) {
    case "GET":
      return "GET";
    case "POST":
      return "POST";
    case "PUT":
      return "PUT";
    case "PATCH":
      return "PATCH";
    case "DELETE":
      return "DELETE";
    case "HEAD":
      return "HEAD";
    case "OPTIONS":
      return "OPTIONS";
    default:
      return text;
  }
}

const NOTHING = new Uint8Array(0);

/** The same bytes with room for `needed` of them at least, and never for more than `most`. */
function grown(body: Uint8Array, needed: number, most: number): Uint8Array {
  const larger = new Uint8Array(Math.min(most, Math.max(needed, 2 * body.length)));
  larger.set(body);
  return larger;
}

/** Bytes of bodies that wait in this thread, against one cap for all its connections. */
export interface BodyBudget {
  usedBytes: number;
}

/** A request of uWebSockets.js, copied out, and the state of its connection. */
export class UwsRequest implements RawRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly fields: ReadFields;
  contentLength = 0;
  fault: Rejection | undefined;
  onAbort: (() => void) | undefined;
  /** The response is dead: touching it would throw inside a native callback. */
  aborted = false;
  /** Nothing of the body is left to come. */
  bodyEnded = true;
  readonly #response: HttpResponse;
  readonly #budget: BodyBudget;

  constructor(response: HttpResponse, request: HttpRequest, budget: BodyBudget) {
    this.#response = response;
    this.#budget = budget;
    // Before getMethod(), which lowers the buffer in place.
    this.method = knownMethod(request.getCaseSensitiveMethod());
    this.path = request.getUrl();
    // Typed as text; undefined without a question mark.
    this.query = (request.getQuery() as string | undefined) ?? "";
    this.fields = readFields(request);
  }

  expectBody(contentLength: number): void {
    this.contentLength = contentLength;
    this.bodyEnded = contentLength === 0;
  }

  /** Empty once the client is gone. */
  peerAddress(): string {
    if (this.aborted) return "";
    return plainAddress(Buffer.from(this.#response.getRemoteAddressAsText()).toString("latin1"));
  }

  /**
   * Collects the body as it comes. Nothing is reserved for bytes that were only announced: a
   * thousand slow clients would else hold the memory of a thousand full bodies.
   */
  receiveBody(): Promise<Uint8Array> {
    const expected = this.contentLength;
    return new Promise((resolve, reject) => {
      // One buffer that grows: kept piece by piece, a body sent byte by byte would cost a hundred
      // times what it is.
      let body: Uint8Array = NOTHING;
      let received = 0;
      let ended = false;
      const end = (failure?: AppError): void => {
        if (ended) return;
        ended = true;
        this.#budget.usedBytes -= received;
        if (failure !== undefined) reject(failure);
        else resolve(body.subarray(0, received));
      };
      this.stopBody = () => end(httpErrors.failure("malformed_request", { note: "body cut off" }));
      this.#response.onData((chunk, isLast) => {
        if (isLast) this.bodyEnded = true;
        if (ended) return;
        const start = received;
        received += chunk.byteLength;
        this.#budget.usedBytes += chunk.byteLength;
        // Our own count before anything is kept: the parser has no limit.
        if (received > expected) return end(httpErrors.failure("payload_too_large"));
        if (this.#budget.usedBytes > serverLimits.bodiesBytesMax) {
          return end(platformErrors.failure("overloaded", { note: "body budget" }));
        }
        // The chunk's memory is taken back when this callback returns.
        if (received > body.length) body = grown(body, received, expected);
        body.set(new Uint8Array(chunk), start);
        if (!isLast) return;
        end(received === expected ? undefined : httpErrors.failure("malformed_request"));
      });
    });
  }

  /** Gives up a body that will not come. */
  stopBody: (() => void) | undefined;

  /** The client is gone. */
  abort(): void {
    this.aborted = true;
    this.stopBody?.();
    this.onAbort?.();
  }
}
