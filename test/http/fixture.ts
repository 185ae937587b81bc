import { connect, type Socket } from "node:net";
import type { Principal } from "../../src/http/principal.ts";
import { createPipeline, type Pipeline, type PipelineOptions } from "../../src/http/pipeline.ts";
import type { Route } from "../../src/http/route.ts";
import {
  createUwsServer,
  type UwsServer,
  type UwsServerOptions,
} from "../../src/http/uws/server.ts";
import { defineErrors, type Rejection } from "../../src/platform/errors.ts";
import { createLogger, type Logger } from "../../src/platform/log.ts";
import { headersOf, type Wire } from "../../src/http/wire.ts";
import type { RawRequest } from "../../src/http/raw-request.ts";
import { createMetrics } from "../../src/platform/metrics.ts";

export const tokenErrors = defineErrors({
  token_invalid: { status: 401, title: "The access token is not valid" },
  token_expired: { status: 401, title: "The access token expired" },
});

export const defaultConfig: PipelineOptions["config"] = {
  // Routes made up for a test of the way of a request describe no answers that could be checked.
  environment: "development",
  publicUrl: "http://localhost:8000",
  corsOrigins: ["http://localhost:3000"],
  trustedProxyHops: 0,
  allowedHosts: ["*"],
  bodyBytesMax: 64 * 1024,
  accessLog: true,
  accessLogPerSecond: 1_000_000,
};

export function principalOf(userId: string, permissions: Principal["permissions"] = {}): Principal {
  return Object.freeze({
    kind: "user",
    issuer: "http://localhost:8000",
    subject: userId,
    userId,
    accountId: userId,
    tenantId: "default",
    sessionId: undefined,
    tokenId: undefined,
    clientId: undefined,
    email: undefined,
    username: undefined,
    name: undefined,
    emailVerified: true,
    hasFactor: false,
    amr: ["pwd"],
    authTime: 0,
    expiresAt: 4_000_000_000,
    scope: undefined,
    apiKey: undefined,
    roles: {},
    permissions,
  });
}

const INVALID = tokenErrors.rejection("token_invalid");
const EXPIRED = tokenErrors.rejection("token_expired");

/** Tokens `user-<name>` are good, `slow-<name>` are good after a wait, `expired` is expired. */
export function authenticateByName(
  token: string,
): Principal | Rejection | Promise<Principal | Rejection> {
  if (token === "expired") return EXPIRED;
  if (!/^[a-z]+-./.test(token)) return INVALID;
  const [kind, name] = token.split(/-(.*)/s);
  if (kind === "user") return principalOf(name!);
  if (kind === "slow") return new Promise((done) => setTimeout(() => done(principalOf(name!)), 5));
  if (kind === "admin") return principalOf(name!, { iam: ["access_support"] });
  return INVALID;
}

/** A logger whose lines can be read. */
export function createCapturedLog(level = "debug"): { log: Logger; lines: Record<string, any>[] } {
  const lines: Record<string, any>[] = [];
  const sink = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { log: createLogger({ environment: "test", logLevel: level }, {}, sink), lines };
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly pipeline: Pipeline;
  readonly server: UwsServer;
  readonly lines: Record<string, any>[];
  readonly metrics: ReturnType<typeof createMetrics>;
  close(): void;
}

type Options = Omit<Partial<PipelineOptions>, "config"> & {
  readonly routes: readonly Route[];
  readonly config?: Partial<PipelineOptions["config"]>;
  readonly server?: Partial<UwsServerOptions>;
  readonly port?: number;
  readonly logLevel?: string;
};

/** A real server on a free port, with `authenticateByName` in front of it. */
export async function startServer(options: Options): Promise<TestServer> {
  const { log, lines } = createCapturedLog(options.logLevel);
  const metrics = createMetrics();
  const config = { ...defaultConfig, ...options.config };
  const pipeline = createPipeline({
    authenticate: authenticateByName,
    log,
    metrics,
    ...options,
    config,
  });
  const server = createUwsServer({ pipeline, config, log, metrics, ...options.server });
  const port = await server.listen(options.port ?? 0, "127.0.0.1", { exclusive: true });
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pipeline,
    server,
    lines,
    metrics,
    close: () => server.close(),
  };
}

export interface RawResult {
  readonly text: string;
  /** How the connection stood when we stopped looking. */
  readonly ended: boolean;
}

export interface RawOptions {
  /** Stop once this matches what came. */
  readonly until?: RegExp;
  /** Stop after this time in any case. */
  readonly waitMs?: number;
  /** Pause between the parts. */
  readonly pauseMs?: number;
}

/** Sends bytes as they are, each part in a packet of its own, and collects what comes back. */
export function sendRaw(
  port: number,
  parts: string | readonly string[],
  options: RawOptions = {},
): Promise<RawResult> {
  const { until, waitMs = 1_500, pauseMs = 10 } = options;
  return new Promise((resolve) => {
    let text = "";
    let ended = false;
    const socket: Socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    const timer = setTimeout(finish, waitMs);
    function finish(): void {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, ended });
    }
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (until?.test(text)) finish();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      ended = true;
      finish();
    });
    socket.on("connect", async () => {
      for (const [index, part] of [parts].flat().entries()) {
        if (index > 0) await new Promise((wait) => setTimeout(wait, pauseMs));
        if (!socket.writable) return;
        socket.write(part, "latin1");
      }
    });
  });
}

/** A request as a transport would hand it over, for tests that need no socket. */
export function rawRequest(
  method: string,
  target: string,
  options: {
    headers?: Record<string, string>;
    body?: string | Promise<Uint8Array>;
    peer?: string;
  } = {},
): RawRequest {
  const { headers = {}, body } = options;
  const [path, query = ""] = target.split(/\?(.*)/s);
  const bytes = typeof body === "string" ? Buffer.from(body) : undefined;
  return {
    method,
    path: path!,
    query,
    fields: {
      pairs: Object.entries(headers).flat(),
      host: headers["host"] ?? "localhost",
      authorization: headers["authorization"],
      apiKey: headers["x-api-key"],
      contentType: headers["content-type"] ?? (body === undefined ? undefined : "application/json"),
      origin: headers["origin"],
      requestId: headers["x-request-id"],
      correlationId: headers["x-correlation-id"],
      traceparent: headers["traceparent"],
      forwardedFor: headers["x-forwarded-for"],
    },
    contentLength: bytes?.length ?? (body === undefined ? 0 : 1),
    fault: undefined,
    peerAddress: () => options.peer ?? "192.0.2.1",
    receiveBody: () =>
      bytes === undefined ? (body as Promise<Uint8Array>) : Promise.resolve(bytes),
    onAbort: undefined,
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
  readonly json: any;
}

/** An answer taken apart. */
export async function answerOf(wire: Wire | Promise<Wire>): Promise<Answer> {
  const settled = await wire;
  const text =
    typeof settled.body === "string" ? settled.body : Buffer.from(settled.body).toString();
  const headers = headersOf(settled);
  const isJson = /json/.test(headers["content-type"] ?? "");
  return { status: settled.status, headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** A pipeline without a transport. */
export function startPipeline(options: Omit<Options, "server" | "port">) {
  const { log, lines } = createCapturedLog(options.logLevel);
  const metrics = createMetrics();
  const config = { ...defaultConfig, ...options.config };
  const pipeline = createPipeline({
    authenticate: authenticateByName,
    log,
    metrics,
    ...options,
    config,
  });
  const ask = (method: string, target: string, more: Parameters<typeof rawRequest>[2] = {}) =>
    answerOf(pipeline.run(rawRequest(method, target, more)));
  return { pipeline, lines, metrics, ask };
}
