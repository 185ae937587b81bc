/**
 * An answer ready for any transport. `head` is the header block after the request id, as lines
 * `name: value` joined by CR LF, every name and value checked (`header-block.ts`). One string and
 * not a record, because a transport call for each field costs more than the fields themselves.
 */
export interface Wire {
  readonly status: number;
  readonly requestId: string;
  readonly head: string;
  /** Let go by whoever has written it. */
  body: string | Uint8Array;
  /** Answer to HEAD: the body is left out, its length is told. */
  readonly headOnly: boolean;
}

/**
 * The header fields of an answer as a record, for transports that want one.
 *
 * @public
 */
export function headersOf(wire: Wire): Record<string, string> {
  const headers: Record<string, string> = { "x-request-id": wire.requestId };
  for (const line of wire.head.split("\r\n")) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return headers;
}

const PHRASES: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  207: "Multi-Status",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  428: "Precondition Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

const LINES = new Map(
  Object.entries(PHRASES).map(([status, phrase]) => [Number(status), `${status} ${phrase}`]),
);

/** `200` → `200 OK` (RFC 9110 §15). */
export function statusLine(status: number): string {
  return LINES.get(status) ?? `${status} Status`;
}
