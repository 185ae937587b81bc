import type { IncomingMessage, ServerResponse } from "node:http";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import type { Fault } from "./faults.ts";
import { ServiceError } from "./service-error.ts";

export interface Reply {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const PLAIN_JSON = { "content-type": "application/json" };

export const json = (status: number, body: object): Reply => ({
  status,
  body,
  headers: PLAIN_JSON,
});

/** Writes it unless the client has gone. */
export function send(response: ServerResponse, { status, body, headers = {} }: Reply): void {
  if (response.destroyed) return;
  response.writeHead(status, { "cache-control": "no-store", ...headers });
  response.end(JSON.stringify(body));
}

/** The whole body as text; throws when it is longer than anything we are asked. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > limits.bodyBytesMax) {
      throw new ServiceError("RequestEntityTooLargeException", "the body is too long", 413);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Plays a fault. True: the request has had its answer, or never gets one. */
export async function play(fault: Fault, response: ServerResponse): Promise<boolean> {
  switch (fault.kind) {
    case "refuse":
      response.destroy();
      return true;
    case "hang":
      return true;
    case "slow":
      await passTime(fault.delayMs ?? limits.slowMs, response);
      return false;
    case "garbage":
      response.writeHead(200, PLAIN_JSON).end("<html>not what you asked for</html>");
      return true;
    case "status": {
      const error = fault.error ?? "InternalErrorException";
      const body = { __type: error, error, message: "as asked for" };
      const headers = { ...PLAIN_JSON, "x-amzn-errortype": error };
      send(response, { status: fault.status ?? 500, body, headers });
      return true;
    }
  }
}

/** Ends sooner when the client goes, or the server does. */
function passTime(delayMs: number, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    response.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
