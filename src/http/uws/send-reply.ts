import type { HttpResponse } from "uWebSockets.js";
import { serverLimits } from "../../platform/limits.ts";
import { statusLine, type Wire } from "../wire.ts";
import type { UwsRequest } from "./read-request.ts";

/**
 * Writes an answer. To be called corked: inside the request's callback, or in `response.cork`.
 * All header fields leave in one call: the block was checked when it was made.
 */
export function writeWire(response: HttpResponse, wire: Wire, closeAfter: boolean): void {
  if (wire.status !== 200) response.writeStatus(statusLine(wire.status));
  response.writeHeader("x-request-id", `${wire.requestId}\r\n${wire.head}`);
  // RFC 9110 §8.6: no content-length with 204; §15.4.5: 304 has no body.
  const isBare = wire.status === 204 || wire.status === 304;
  if (!isBare && !wire.headOnly) {
    response.end(wire.body, closeAfter);
    return;
  }
  // The native code reads any argument of endWithoutBody, also undefined, as a length, and then
  // waits for that many bytes. So the length is a field of ours, and so is the wish to close.
  if (!isBare) response.writeHeader("content-length", String(lengthOf(wire.body)));
  if (closeAfter) response.writeHeader("connection", "close");
  response.endWithoutBody();
}

function lengthOf(body: string | Uint8Array): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
}

/**
 * Answers at once, then ends the connection. The answer stays unfinished for `lingerMs`, while
 * what is left of the body is thrown away: closed with bytes unread, TCP would reset the
 * connection and the client would never see why. And while an answer is unfinished the parser
 * closes on a further request in the same packet instead of serving it, which `end(body, true)`
 * inside a callback does not do.
 */
export function sayAndClose(
  response: HttpResponse,
  request: UwsRequest,
  wire: Wire,
  lingerMs: number,
): void {
  if (wire.headOnly || wire.body.length === 0) return writeWire(response, wire, true);
  let left = serverLimits.lingerBytesMax;
  let ended = false;
  const end = (): void => {
    if (ended || request.aborted) return;
    ended = true;
    clearTimeout(timer);
    response.cork(() => response.end("", true));
  };
  const timer = setTimeout(end, lingerMs);
  response.onAborted(() => {
    request.aborted = true;
    clearTimeout(timer);
  });
  response.writeStatus(statusLine(wire.status));
  response.writeHeader("x-request-id", `${wire.requestId}\r\n${wire.head}\r\nconnection: close`);
  response.write(wire.body);
  response.onData((chunk, isLast) => {
    left -= chunk.byteLength;
    if (left < 0 || (isLast && request.contentLength > 0)) end();
  });
}
