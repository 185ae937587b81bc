import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { controlLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";

/** One answer of the admin port. */
export interface AdminAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export type AdminHandler = (body: string) => AdminAnswer | Promise<AdminAnswer>;

/** `GET /metrics` → handler. */
export type AdminRoutes = Readonly<Record<string, AdminHandler>>;

/**
 * The operator's port: loopback only, no authentication, served by main with node:http so that it
 * answers under any load of the HTTP threads.
 *
 * @throws the listen error, with its `code`
 */
export async function startAdminServer(
  port: number,
  routes: AdminRoutes,
  log: Logger,
): Promise<Server> {
  const server = createServer(
    { requestTimeout: controlLimits.adminRequestMs },
    (request, response) => {
      void answer(routes, request, response, log);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, resolve);
  });
  server.unref();
  return server;
}

async function answer(
  routes: AdminRoutes,
  request: IncomingMessage,
  response: ServerResponse,
  log: Logger,
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0]!;
  const handler = routes[`${request.method} ${path}`];
  try {
    // A page of a browser on this machine may not reach the port: it always sends Origin or a
    // foreign Host (DNS rebinding), the tools of an operator send neither.
    if (request.headers.origin !== undefined || !isLoopbackHost(request.headers.host)) {
      return send(response, problem(403, "permission_denied"));
    }
    if (handler === undefined) return send(response, problem(404, "not_found"));
    const body = await readBody(request);
    if (body === undefined) return send(response, problem(413, "payload_too_large"));
    send(response, await handler(body));
  } catch (error) {
    log.error({ err: error, path }, "the admin port failed");
    send(response, problem(500, "internal"));
  }
}

function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(host);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > controlLimits.adminBodyBytesMax) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function problem(status: number, code: string): AdminAnswer {
  return {
    status,
    contentType: "application/problem+json",
    body: JSON.stringify({ status, error_code: code }),
  };
}

function send(response: ServerResponse, { status, contentType, body }: AdminAnswer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    "content-type": contentType,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}
