import { STATUS_CODES } from "node:http";
import { idempotencyLimits } from "../platform/limits.ts";
import type { TSchema } from "typebox";
import { shapeOf } from "./convert.ts";
import { keyScopeOf, kindsOf, type ResponseDoc, type Route } from "./route.ts";

type Json = Record<string, unknown>;

const PROBLEM = { $ref: "#/components/schemas/Problem" };

/** The OpenAPI 3.1 description of the routes that are not hidden. Schemas are taken as they are. */
export function toOpenApi(
  routes: readonly Route[],
  about: { readonly version: string; readonly issuer: string },
): Json {
  const paths: Record<string, Json> = {};
  const shown = routes.filter((route) => route.hidden !== true);
  for (const route of shown) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = toOperation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Brigade",
      version: about.version,
      description:
        "Menu planning for nutritionists, and the authentication system in front of it. " +
        "Every path is also served with a trailing slash.",
    },
    // Where the page came from: the document is right behind any proxy.
    servers: [{ url: "/" }],
    tags: [...new Set(shown.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearerAuth: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: `An access token of ${about.issuer} (from /auth/login) or of a configured issuer, or an API key.`,
        },
        apiKey: {
          type: "apiKey",
          in: "header",
          name: "x-api-key",
          description: "An API key (from /auth/api-keys). Never together with `Authorization`.",
        },
      },
      schemas: { Problem: problemSchema() },
      responses: Object.fromEntries(
        [400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 500, 503].map((status) => [
          `Problem${status}`,
          problemResponse(status),
        ]),
      ),
    },
  };
}

function toOperation(route: Route): Json {
  const operation: Json = {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    security: toSecurity(route),
    parameters: [
      ...toParameters("path", route.params),
      ...toParameters("query", route.query),
      ...(route.repeatable === true ? [IDEMPOTENCY_KEY] : []),
    ],
    responses: toResponses(route),
  };
  const kinds = kindsOf(route.access);
  if (kinds.length > 0) operation["x-callers"] = kinds;
  if (kinds.includes("api_key")) operation["x-key-scope"] = keyScopeOf(route);
  if (route.access.kind === "permission") {
    operation["x-permission"] = `${route.access.context}:${route.access.permission}`;
  }
  if (route.access.kind !== "public" && route.access.stepUp !== undefined) {
    operation["x-step-up-seconds"] = route.access.stepUp.maxAgeSeconds;
  }
  if (route.aliases !== undefined) {
    operation["x-aliases"] = route.aliases.map(
      ({ method, path }) => `${method ?? route.method} ${path}`,
    );
  }
  if (route.bodyRaw === true) operation["x-signed"] = true;
  if (route.body !== undefined) {
    const example = route.bodyExample === undefined ? {} : { example: route.bodyExample };
    const type = route.bodyForm === true ? FORM_TYPE : "application/json";
    operation["requestBody"] = {
      required: true,
      content: { [type]: { schema: route.body, ...example } },
    };
  }
  return operation;
}

function toSecurity({ access }: Route): Json[] {
  if (access.kind === "public") return [];
  const takesKeys = kindsOf(access).includes("api_key");
  return [{ bearerAuth: [] }, ...(takesKeys ? [{ apiKey: [] }] : [])];
}

const IDEMPOTENCY_KEY: Json = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Of all requests of a caller with one key within 24 hours one is carried out; the others get its answer.",
  schema: { type: "string", minLength: 1, maxLength: idempotencyLimits.keyMaxCharacters },
};
const FORM_TYPE = "application/x-www-form-urlencoded";

function operationId({ method, path }: Route): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return [method.toLowerCase(), ...words].join("_");
}

function toParameters(place: "path" | "query", schema: TSchema | undefined): Json[] {
  if (schema === undefined) return [];
  const shape = shapeOf(schema);
  const required = new Set(shape.required ?? []);
  return Object.entries(shape.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.has(name),
    ...(property.description === undefined ? {} : { description: property.description }),
    schema: property,
  }));
}

function toResponses(route: Route): Json {
  const responses: Record<string, unknown> = {};
  for (const status of usualFailures(route)) {
    responses[status] = { $ref: `#/components/responses/Problem${status}` };
  }
  for (const [status, doc] of Object.entries(route.responses)) {
    responses[status] = toResponse(Number(status), doc);
  }
  return responses;
}

/** What any route of this kind may answer, whether its author wrote it down or not. */
function usualFailures(route: Route): number[] {
  // Also where no query is asked for: one that comes is refused.
  const statuses = [400, 422, 500];
  if (route.unlimited !== true) statuses.push(429);
  // Who calls may have to be looked up, even where the handler waits for nothing.
  if (route.direct !== true || route.access.kind !== "public") statuses.push(503);
  if (route.access.kind !== "public") statuses.push(401, 403);
  if (route.params !== undefined) statuses.push(404);
  // From a network that is shut out nobody registers, logs in or proves an address.
  if (route.body !== undefined) statuses.push(403, 408, 413, 415);
  return statuses;
}

function toResponse(status: number, doc: ResponseDoc): Json {
  const isProblem = status >= 400 && doc.schema === undefined && doc.contentType === undefined;
  const type = doc.contentType ?? (isProblem ? "application/problem+json" : "application/json");
  const schema = doc.schema ?? (isProblem ? PROBLEM : undefined);
  const hasContent = schema !== undefined || doc.contentType !== undefined;
  if (!hasContent && doc.example === undefined) return { description: doc.description };
  const content = {
    ...(schema === undefined ? {} : { schema }),
    ...(doc.example === undefined ? {} : { example: doc.example }),
  };
  const asJson =
    doc.jsonSchema === undefined ? {} : { "application/json": { schema: doc.jsonSchema } };
  return { description: doc.description, content: { [type]: content, ...asJson } };
}

function problemResponse(status: number): Json {
  return {
    description: STATUS_CODES[status] ?? String(status),
    content: { "application/problem+json": { schema: PROBLEM } },
  };
}

function problemSchema(): Json {
  const text = { type: "string" };
  return {
    type: "object",
    description: "RFC 9457, with a stable code and the id of the request",
    required: [
      "type",
      "title",
      "status",
      "detail",
      "instance",
      "error_code",
      "request_id",
      "timestamp",
    ],
    properties: {
      type: text,
      title: text,
      status: { type: "integer" },
      detail: text,
      instance: text,
      error_code: text,
      request_id: text,
      timestamp: { type: "string", format: "date-time" },
      errors: {
        type: "array",
        items: {
          type: "object",
          required: ["path", "code", "message"],
          properties: { path: text, code: text, message: text },
        },
      },
    },
  };
}
