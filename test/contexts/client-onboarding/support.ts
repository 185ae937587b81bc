import { createSealer } from "../../../src/auth/keys/sealer.ts";
import { createClientOnboarding } from "../../../src/contexts/client-onboarding/index.ts";
import { httpErrors } from "../../../src/http/errors.ts";
import { createPipeline } from "../../../src/http/pipeline.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { createRateLimiter } from "../../../src/http/rate-limit.ts";
import { headersOf } from "../../../src/http/wire.ts";
import { systemClock, type Clock } from "../../../src/platform/clock.ts";
import { newId } from "../../../src/platform/ids.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import type { Sealer } from "../../../src/platform/sealer.ts";
import { sql } from "../../../src/platform/sql.ts";
import { settings } from "../../auth/keys/key-rig.ts";
import { silentLog } from "../../support/log.ts";
import { signDelivery, TYPEFORM_KEY, WEBHOOK_SECRET } from "../../support/typeform.ts";

export const TENANT = "00000000-0000-0000-0000-000000000000";
export const ANA = principal("ana");
export const BIA = principal("bia");
export const FOREIGNER = principal("foreigner", newId());
const CONFIGURES = { client_onboarding: ["configure_typeform_webhooks"] };
/** Each may set the key of the tenant. */
export const ADMINISTRATOR = principal("administrator", TENANT, CONFIGURES);
export const FOREIGN_ADMINISTRATOR = principal(
  "foreign-administrator",
  FOREIGNER.tenantId,
  CONFIGURES,
);

function principal(
  username: string,
  tenantId = TENANT,
  permissions: Principal["permissions"] = {},
): Principal {
  return Object.freeze({
    kind: "user",
    issuer: "http://localhost:8000",
    subject: username,
    userId: newId(),
    accountId: undefined,
    tenantId,
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
    permissions,
  });
}

const CALLERS = [ANA, BIA, FOREIGNER, ADMINISTRATOR, FOREIGN_ADMINISTRATOR];

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
  // Tests look into bodies of every shape.
  readonly body: any;
}

export interface Call {
  /** Null: nobody. */
  readonly as?: Principal | null;
  readonly body?: unknown;
  readonly raw?: string | Uint8Array;
  /** Names and values; a name may come twice. */
  readonly headers?: readonly (readonly [string, string])[];
}

export interface OpenOptions {
  readonly apiUrl?: string;
  readonly apiKey?: string | undefined;
  readonly secrets?: readonly string[];
  readonly webhookUrl?: string;
  readonly retentionDays?: number;
  readonly clock?: Clock;
  readonly sealer?: Sealer;
  /** Requests a minute from one network; ten times as many of one form. Undefined: any number. */
  readonly perMinute?: number;
}

/** One for all tests of this process. */
export const SEALER = createSealer(settings());

export const CONFIG = (options: OpenOptions = {}) => ({
  typeform: {
    // Undefined is said on purpose: there is none then.
    apiKey: "apiKey" in options ? options.apiKey : TYPEFORM_KEY,
    apiUrl: options.apiUrl ?? "http://127.0.0.1:9",
    webhookSecrets: options.secrets ?? [WEBHOOK_SECRET],
    webhookUrl: options.webhookUrl,
  },
  onboardingRetentionDays: options.retentionDays ?? 365,
});

/** The routes of the context behind the real pipeline; only the tokens are names. */
export function openOnboarding(database: Database, options: OpenOptions = {}) {
  const { clock = systemClock } = options;
  const recorded: string[] = [];
  const onboarding = createClientOnboarding({
    database,
    clock,
    sealer: options.sealer ?? SEALER,
    config: CONFIG(options),
    async recordKeyChange(_, { principal }, action) {
      recorded.push(`${action} ${principal.tenantId} ${principal.userId}`);
    },
  });
  const limitOf = (count: number) => createRateLimiter({ clock, limit: { count, seconds: 60 } });
  const { perMinute } = options;
  const limits =
    perMinute === undefined
      ? {}
      : { rateLimit: limitOf(perMinute), addressLimit: limitOf(perMinute * 10) };
  const callers = new Map(CALLERS.map((one) => [one.username!, one]));
  const pipeline = createPipeline({
    ...limits,
    routes: [...onboarding.routes, ...onboarding.keyRoutes],
    authenticate: (token) => callers.get(token) ?? httpErrors.rejection("authentication_required"),
    config: {
      environment: "test",
      publicUrl: "http://localhost:8000",
      corsOrigins: [],
      trustedProxyHops: 0,
      allowedHosts: ["*"],
      bodyBytesMax: 300_000,
      accessLog: false,
      accessLogPerSecond: 0,
    },
    log: silentLog,
    metrics: createMetrics(),
  });
  async function call(method: string, target: string, given: Call = {}): Promise<Answer> {
    const { as = ANA, body, raw, headers = [] } = given;
    const [path = "", query = ""] = target.split("?");
    const isBare = body === undefined && raw === undefined;
    const bytes = isBare ? Buffer.alloc(0) : Buffer.from((raw ?? JSON.stringify(body)) as string);
    const wire = await pipeline.run({
      method,
      path: `/v1/client-onboarding${path}`,
      query,
      fields: {
        pairs: headers.flat(),
        host: "localhost:8000",
        authorization: as === null ? undefined : `Bearer ${as.username}`,
        apiKey: undefined,
        contentType: isBare ? undefined : "application/json",
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
    });
    const text = typeof wire.body === "string" ? wire.body : Buffer.from(wire.body).toString();
    const json: unknown = text === "" ? undefined : JSON.parse(text);
    return { status: wire.status, headers: headersOf(wire), text, body: json };
  }
  /** Delivers signed bytes. */
  function take(payload: unknown, secret: string = WEBHOOK_SECRET): Promise<Answer> {
    const raw = typeof payload === "string" ? payload : JSON.stringify(payload);
    const headers = [["typeform-signature", signDelivery(raw, secret)]] as const;
    return call("POST", "/webhook", { as: null, raw, headers });
  }
  return { call, take, onboarding, recorded };
}

/** A form behind TypeForm's back. */
export async function insertForm(
  database: Database,
  typeformId: string,
  owner: Pick<Principal, "userId" | "tenantId"> = ANA,
  status = "active",
): Promise<number> {
  const { rows } = await database.query<{ id: number }>(sql`
    insert into client_onboarding.onboarding_forms
      (tenant_id, user_id, typeform_id, webhook_url, status)
    values (${owner.tenantId}, ${owner.userId}, ${typeformId}, 'https://example.com/hook',
            ${status})
    returning id`);
  return rows[0]!.id;
}

export async function countResponses(database: Database): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    sql`select count(*) as count from client_onboarding.form_responses`,
  );
  return rows[0]!.count;
}
