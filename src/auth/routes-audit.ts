import { defineRoute, needs, type Route } from "../http/route.ts";
import { json } from "../http/reply.ts";
import { instant, Type, uuid } from "../http/schema.ts";
import { platformErrors } from "../platform/errors.ts";
import { auditLimits } from "../platform/limits.ts";
import type { Database } from "../platform/postgres.ts";
import { DEFAULT_TENANT_ID } from "../platform/ids.ts";
import { findDecisions, type StoredDecision } from "./audit/store-decisions.ts";
import { listEvents, type StoredEvent } from "./audit/store-events.ts";
import { NO_STORE } from "./routes-replies.ts";

export interface AuditRouteDeps {
  readonly database: Pick<Database, "read">;
}

/** What auditors ask: the log of their tenant, and why a request was refused. */
export function createAuditRoutes(deps: AuditRouteDeps): Route[] {
  return [listRoute(deps), decisionRoute(deps)];
}

const text = (description: string, maxLength = auditLimits.filterCharactersMax) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description }));
const time = (description: string) =>
  Type.Optional(Type.String({ format: "date-time", description }));
const nullableText = Type.Unsafe<string | null>({ type: ["string", "null"] });

const listQuery = Type.Object(
  {
    actor: text("Who did it: an account id, `cli` or `system`"),
    subject: text("Whom it was done to: an account id"),
    action: text("Like `login.failure`"),
    session_id: Type.Optional(uuid),
    request_id: text("The reference of an answer"),
    network: text("IPv4 /24 or IPv6 /48, as events name it"),
    from: time("First moment"),
    to: time("First moment that does not count any more"),
    before: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: "`pagination.next` of the page before",
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: auditLimits.pageMax })),
  },
  { additionalProperties: false },
);

const eventView = Type.Object({
  number: Type.Integer(),
  at: instant,
  action: Type.String(),
  actor: nullableText,
  subject: nullableText,
  session_id: nullableText,
  reason: nullableText,
  request_id: nullableText,
  network: nullableText,
  country: nullableText,
  device: nullableText,
});

const decisionView = Type.Object({
  at: instant,
  status: Type.Integer(),
  error_code: Type.String(),
  reason: Type.String(),
  method: Type.String(),
  route: nullableText,
  issuer: nullableText,
  subject: nullableText,
  session_id: nullableText,
  network: nullableText,
  agent: nullableText,
});

const listRoute = ({ database }: AuditRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/audit",
    summary: "Security events of the caller's tenant, newest first",
    description:
      "Ordered by `number`, which is unique. `pagination.next` is the `before` of the next page; null on the last one.",
    tag: "iam",
    access: needs("iam", "view_audit_log"),
    query: listQuery,
    responses: {
      200: {
        description: "One page",
        schema: Type.Object({
          data: Type.Array(eventView),
          pagination: Type.Object({
            limit: Type.Integer(),
            next: Type.Unsafe<number | null>({ type: ["integer", "null"] }),
          }),
        }),
      },
    },
    async handler({ query, principal }) {
      const limit = query.limit ?? auditLimits.pageDefault;
      const { session_id: sessionId, request_id: requestId, from, to, before, ...rest } = query;
      const [since, until] = [readTime("from", from), readTime("to", to)];
      const events = await listEvents(
        database,
        {
          ...rest,
          sessionId,
          requestId,
          from: since,
          to: until,
        },
        // One more than shown tells whether there is another page.
        { tenantId: principal.tenantId, before, limit: limit + 1 },
      );
      const page = events.slice(0, limit);
      const next = events.length > limit ? page.at(-1)!.number : null;
      const body = { data: page.map(toEventView), pagination: { limit, next } };
      return json(200, body, NO_STORE);
    },
  });

const decisionRoute = ({ database }: AuditRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/audit/decisions/{request_id}",
    summary: "Why a request was answered 401, 403 or 429, by the reference in its answer",
    description:
      "`request_id` of the refusal. Kept for a few days, and sampled in a flood. Callers may choose their own references, so there may be several decisions. What happened in the caller's tenant under the same reference is told with it.",
    tag: "iam",
    access: needs("iam", "view_audit_log"),
    params: Type.Object({
      request_id: Type.String({ minLength: 1, maxLength: auditLimits.filterCharactersMax }),
    }),
    responses: {
      200: {
        description: "Decisions and events, newest first",
        schema: Type.Object({
          data: Type.Object({
            request_id: Type.String(),
            decisions: Type.Array(decisionView),
            events: Type.Array(eventView),
          }),
        }),
      },
      404: { description: "Nothing is known of this reference in the caller's tenant" },
    },
    async handler({ params, principal }) {
      const { request_id: requestId } = params;
      const { tenantId } = principal;
      const [decisions, events] = await Promise.all([
        findDecisions(database, {
          requestId,
          tenantId,
          withStrangers: tenantId === DEFAULT_TENANT_ID,
        }),
        listEvents(database, { requestId }, { tenantId, limit: auditLimits.pageDefault }),
      ]);
      if (decisions.length === 0 && events.length === 0) throw platformErrors.failure("not_found");
      const data = {
        request_id: requestId,
        decisions: decisions.map(toDecisionView),
        events: events.map(toEventView),
      };
      return json(200, { data }, NO_STORE);
    },
  });

/** Throws `validation_failed`: a leap second has the form of a time, and is none here. */
function readTime(name: string, value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  const time = new Date(value);
  if (!Number.isNaN(time.getTime())) return time;
  throw platformErrors.failure("validation_failed", {
    errors: [{ path: `/query/${name}`, code: "time_invalid", message: "must be a time" }],
  });
}

function toEventView(stored: StoredEvent) {
  const { tenant_id: _tenant, at, ...event } = stored;
  return { ...event, at: at.toISOString() };
}

function toDecisionView(stored: StoredDecision) {
  const { at, request_id: _reference, code, ...decision } = stored;
  return { ...decision, at: at.toISOString(), error_code: code };
}
