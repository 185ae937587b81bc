import type { HttpResponse } from "uWebSockets.js";
import { serverLimits } from "../../platform/limits.ts";
import { statusLine, type Wire } from "../wire.ts";
import type { UwsRequest } from "./read-request.ts";

/**
 * Writes an answer. To be called corked: inside the request's callback, or in `response.cork`.
 * All header fields leave in one call: the block was checked when it was made.
 */
export function writeWire(response: HttpResponse, wire: Wire, closeAfter: boolean): void {
  writeHead(response, wire);
  // RFC 9110 §8.6: no content-length with 204; §15.4.5: 304 has no body.
  const isBare = wire.status === 204 || wire.status === 304;
  if (!isBare && !wire.headOnly) {
    response.end(wire.body, closeAfter);
    wire.body = "";
    return;
  }
  // The native code reads any argument of endWithoutBody, also undefined, as a length, and then
  // waits for that many bytes. So the length is a field of ours, and so is the wish to close.
  if (!isBare) response.writeHeader("content-length", String(lengthOf(wire.body)));
  if (closeAfter) response.writeHeader("connection", "close");
  response.endWithoutBody();
}

function writeHead(response: HttpResponse, wire: Wire): void {
  if (wire.status !== 200) response.writeStatus(statusLine(wire.status));
  response.writeHeader("x-request-id", `${wire.requestId}\r\n${wire.head}`);
}

function lengthOf(body: string | Uint8Array): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
}

/**
 * Answers, and closes before another byte is read. Not in the request's own callback: there the
 * wish to close is looked at only after the whole packet was parsed, and the next request in it
 * would be served. While an answer is owed, the parser closes on a further request instead.
 */
export function sayAndClose(response: HttpResponse, request: UwsRequest, wire: Wire): void {
  response.onAborted(() => (request.aborted = true));
  setImmediate(() => {
    if (!request.aborted) response.cork(() => writeWire(response, wire, true));
  });
}

/**
 * Refuses a long body that is still being sent. Closed with bytes unread, TCP would reset the
 * connection and the client would never see why. So the answer leaves at once but for its last
 * byte, the body is thrown away, and the last byte follows when the client is done or has stopped
 * to listen. One that goes on and on is cut off.
 */
export function sayAndLinger(response: HttpResponse, request: UwsRequest, wire: Wire): void {
  const body = Buffer.from(wire.body);
  let discarded = 0;
  let discardedBefore = -1;
  let ticks = serverLimits.lingerMs / serverLimits.lingerTickMs;
  const stop = (): void => {
    request.aborted = true;
    clearInterval(timer);
  };
  const finish = (): void => {
    if (request.aborted) return;
    stop();
    response.cork(() => response.tryEnd(body.subarray(-1), body.length));
  };
  const timer = setInterval(() => {
    if (discarded === discardedBefore) return finish();
    discardedBefore = discarded;
    ticks -= 1;
    if (ticks <= 0) response.close();
  }, serverLimits.lingerTickMs);
  response.onAborted(stop);
  response.onData((chunk, isLast) => {
    discarded += chunk.byteLength;
    if (isLast) finish();
    else if (discarded > serverLimits.lingerBytesMax && !request.aborted) response.close();
  });
  writeHead(response, wire);
  response.writeHeader("connection", "close");
  response.tryEnd(body.subarray(0, -1), body.length);
}
