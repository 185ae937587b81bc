import type { Principal } from "../../../src/http/principal.ts";
import { createPipeline } from "../../../src/http/pipeline.ts";
import type { RawRequest } from "../../../src/http/raw-request.ts";
import type { Route } from "../../../src/http/route.ts";
import { headersOf } from "../../../src/http/wire.ts";
import { httpErrors } from "../../../src/http/errors.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { newId } from "../../../src/platform/ids.ts";
import { createProductsCatalog } from "../../../src/contexts/products-catalog/index.ts";
import { systemClock, type Clock } from "../../../src/platform/clock.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { silentLog } from "../../support/log.ts";

export const MANAGER = principal("manager", ["manage_products"]);
export const READER = principal("reader", []);

function principal(username: string, permissions: readonly string[]): Principal {
  return Object.freeze({
    kind: "user",
    issuer: "http://localhost:8000",
    subject: username,
    userId: newId(),
    accountId: undefined,
    tenantId: "00000000-0000-0000-0000-000000000000",
    sessionId: undefined,
    tokenId: undefined,
    clientId: undefined,
    email: undefined,
    username,
    name: undefined,
    emailVerified: false,
    hasFactor: false,
    amr: [],
    authTime: 0,
    expiresAt: 0,
    scope: undefined,
    apiKey: undefined,
    roles: {},
    permissions: { products_catalog: permissions },
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
  // Tests look into bodies of every shape.
  readonly body: any;
}

export interface Call {
  readonly as?: Principal;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type CallApi = (method: string, target: string, call?: Call) => Promise<Answer>;

/** The routes of the catalogue behind the real pipeline; only the tokens are names. */
export function openCatalog(database: Database, clock: Clock = systemClock): CallApi {
  const { routes } = createProductsCatalog({ database, clock, log: silentLog });
  return openRoutes(routes);
}

function openRoutes(routes: readonly Route[]): CallApi {
  const callers = new Map([MANAGER, READER].map((one) => [one.username!, one]));
  const pipeline = createPipeline({
    routes,
    authenticate: (token) => callers.get(token) ?? httpErrors.rejection("authentication_required"),
    config: {
      environment: "test",
      publicUrl: "http://localhost:8000",
      corsOrigins: [],
      trustedProxyHops: 0,
      allowedHosts: ["*"],
      bodyBytesMax: 1_048_576,
      accessLog: false,
      accessLogPerSecond: 0,
    },
    log: silentLog,
    metrics: createMetrics(),
  });
  return async (method, target, { as = MANAGER, body, headers = {} } = {}) => {
    const wire = await pipeline.run(rawRequest(method, target, as, body, headers));
    const text = typeof wire.body === "string" ? wire.body : Buffer.from(wire.body).toString();
    const json: unknown = text === "" ? undefined : JSON.parse(text);
    return { status: wire.status, headers: headersOf(wire), text, body: json };
  };
}

function rawRequest(
  method: string,
  target: string,
  caller: Principal,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): RawRequest {
  const [path = "", query = ""] = target.split("?");
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
  return {
    method,
    path,
    query,
    fields: {
      pairs: Object.entries(headers).flat(),
      host: "localhost:8000",
      authorization: `Bearer ${caller.username}`,
      apiKey: undefined,
      contentType: body === undefined ? undefined : "application/json",
      origin: undefined,
      requestId: undefined,
      correlationId: undefined,
      traceparent: undefined,
      forwardedFor: undefined,
    },
    contentLength: bytes.length,
    fault: undefined,
    peerAddress: () => "127.0.0.1",
    receiveBody: async () => bytes,
    onAbort: undefined,
  };
}

/** Fields of a good product; the source is `manual`. */
export function newProduct(changes: object = {}) {
  return {
    source_id: MANUAL,
    name: `Produto ${newId()}`,
    nutri_facts: { calories: 100 },
    ...changes,
  };
}

export const MANUAL = "00000000-0000-7000-8000-000000000001";
export const TACO = "00000000-0000-7000-8000-000000000003";
export const AUTO = "00000000-0000-7000-8000-000000000006";
