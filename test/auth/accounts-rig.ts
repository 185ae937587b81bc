import { createChargeKey } from "../../src/auth/api-keys/charges.ts";
import { createGuesses } from "../../src/auth/api-keys/guesses.ts";
import { createLoadKey } from "../../src/auth/api-keys/store-live.ts";
import { createKeyUsage } from "../../src/auth/api-keys/usage.ts";
import { createDecisions } from "../../src/auth/audit/decisions.ts";
import { createAuthenticate } from "../../src/auth/authenticate.ts";
import { createAuthCache } from "../../src/auth/cache/auth-cache.ts";
import { createDocumentCache } from "../../src/auth/cache/document-cache.ts";
import { createGenerations } from "../../src/auth/cache/generations.ts";
import { createLease } from "../../src/auth/cache/lease.ts";
import type { IssuerKeys } from "../../src/auth/issuers/key-set-health.ts";
import { createLocalIssuer } from "../../src/auth/issuers/local.ts";
import type { InvalidationKey } from "../../src/auth/index.ts";
import { createIssuerRegistry } from "../../src/auth/issuers/registry.ts";
import { createKeyRing, type KeyRing } from "../../src/auth/keys/key-ring.ts";
import { createSealer } from "../../src/auth/keys/sealer.ts";
import { ensureKeys } from "../../src/auth/keys/store.ts";
import { createCountryOf } from "../../src/auth/network/country.ts";
import { createLoadMachine } from "../../src/auth/oauth/store.ts";
import type { Passwords } from "../../src/auth/password/password-port.ts";
import { createInlinePasswords } from "../../src/auth/password/run-tasks.ts";
import { createInvalidate } from "../../src/auth/revocation/invalidation-log.ts";
import { createBlockOf } from "../../src/auth/network/blocks.ts";
import { createIsForeignRevoked } from "../../src/auth/revocation/revoked-tokens.ts";
import { createAuthRoutes } from "../../src/auth/routes.ts";
import { createLoadSession } from "../../src/auth/session/store.ts";
import { createPolicyOf } from "../../src/auth/tenants/policies.ts";
import { mergePolicy, type StoredPolicy } from "../../src/auth/tenants/policy.ts";
import type { LoginLimits } from "../../src/auth/throttle/store-attempts.ts";
import { createThrottle, type ThrottleSizes } from "../../src/auth/throttle/throttle.ts";
import { tokenDigest } from "../../src/auth/token/digest.ts";
import { verifyInline } from "../../src/auth/verify-pool.ts";
import { createRequestDeliverers } from "../../src/control/mail-delivery.ts";
import { peopleOf } from "../../src/app.ts";
import { createIsTenantActive } from "../../src/auth/tenants/standing.ts";
import { recordIamEvents } from "../../src/auth/audit/of-iam.ts";
import { createIam } from "../../src/contexts/iam/index.ts";
import type { RateLimit } from "../../src/http/admission.ts";
import { createPipeline, type Pipeline } from "../../src/http/pipeline.ts";
import { headersOf } from "../../src/http/wire.ts";
import { systemClock, type Clock } from "../../src/platform/clock.ts";
import { readConfig } from "../../src/platform/config.ts";
import { budgetSizes, loginLimits } from "../../src/platform/limits.ts";
import type { Logger } from "../../src/platform/log.ts";
import { createQueueMail, MAIL_KIND, openMail, type Mail } from "../../src/platform/mail.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { listKept, markDone, takeDue } from "../../src/platform/outbox-store.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { createSharedMemory } from "../../src/platform/shared-memory.ts";
import { sql, type Sql } from "../../src/platform/sql.ts";
import { showing } from "../support/kept-statements.ts";
import { silentLog } from "../support/log.ts";

export const GOOD_PASSWORD = "four plates of rice";

export interface AppOptions {
  readonly database: Database;
  readonly env?: Readonly<Record<string, string>>;
  readonly budgets?: Partial<ThrottleSizes>;
  /** Counting of wrong passwords; what is left out is too wide to be met by accident. */
  readonly loginLimits?: Partial<LoginLimits>;
  /** What the default tenant decided. */
  readonly policy?: StoredPolicy;
  readonly passwords?: Passwords;
  readonly keyRing?: KeyRing;
  readonly issuerKeys?: IssuerKeys;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Of requests; without it nobody is limited. */
  readonly rateLimit?: RateLimit;
}

/** Budgets that no test runs into by accident. */
const WIDE = Object.fromEntries(
  Object.keys(budgetSizes).map((kind) => [kind, { count: 10_000, seconds: 900 }]),
) as unknown as ThrottleSizes;

const WIDE_LOGIN: LoginLimits = {
  ...loginLimits,
  ceilingCount: 10_000,
  freeFailuresCount: 10_000,
};

export type TestApp = Awaited<ReturnType<typeof startApp>>;

/** One process of the authentication system in this thread: real pipeline, database and hashes. */
export async function startApp(options: AppOptions) {
  const { database, clock = systemClock, log = silentLog } = options;
  const config = readConfig({
    NODE_ENV: "test",
    JWT_ALG: "ES256",
    KEY_ENCRYPTION_KEYS: `test:${Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7)).toString("base64")}`,
    RATE_LIMIT_ENABLED: "false",
    COUNTRY_DATABASE: "off",
    ...options.env,
  });
  const keyRing = options.keyRing ?? createKeyRing(await ensureKeys(database, config, silentLog));
  const shared = createSharedMemory({ httpThreads: 1, authCacheSlots: 64, clock });
  const generations = createGenerations(shared);
  const lease = createLease(shared, clock);
  lease.grant(clock.monotonicMs(), clock.nowMs(), 3_600_000);
  const metrics = createMetrics();
  const invalidate = createInvalidate({ generations });
  const iam = createIam({
    database,
    invalidate,
    record: recordIamEvents,
    clock,
    ownIssuer: config.publicUrl,
  });
  const issuer = { ...createLocalIssuer(config, keyRing), staleMs: 3_600_000 };
  const cache = createAuthCache({
    shared,
    generations,
    clock,
    ttlSeconds: 300,
    spawn: 1,
    digest: (token) => tokenDigest(token, issuer.ruleSetId),
    metrics,
  });
  const documents = createDocumentCache({ generations, lease, clock, metrics });
  const blockOf = createBlockOf({ database, documents, clock });
  const people = peopleOf(iam, createIsTenantActive({ database, documents }));
  const authenticate = createAuthenticate({
    issuers: createIssuerRegistry([issuer]),
    verify: verifyInline,
    cache,
    generations,
    lease,
    loadSession: createLoadSession(database),
    loadMachine: createLoadMachine(database),
    loadRoles: people.loadRoles,
    isForeignRevoked: createIsForeignRevoked(database),
    apiKeys: {
      loadKey: createLoadKey(database),
      guesses: createGuesses(
        createThrottle(database, metrics, { sizes: { ...WIDE, ...options.budgets }, blockOf }),
        clock,
      ),
    },
    clock,
    metrics,
    log,
    ownIssuer: config.publicUrl,
  });
  const storedPolicyOf = createPolicyOf({ database, documents, config });
  const policyOf = async (tenantId: string) => {
    const lockout = { failuresMax: 10_000, ...options.policy?.lockout };
    return mergePolicy(await storedPolicyOf(tenantId), { ...options.policy, lockout });
  };
  const countryOf = createCountryOf({ config, log });
  const sealer = createSealer(config);
  const waits: (number | undefined)[] = [];
  const passwords = options.passwords ?? createInlinePasswords(config.passwordHash);
  const routes = createAuthRoutes({
    database,
    passwords,
    keyRing,
    invalidate,
    waitForCluster: async (number) => void waits.push(number),
    authenticate,
    policyOf,
    countryOf,
    blockOf,
    sealer,
    queueMail: createQueueMail(sealer),
    documents,
    ...people,
    issuerKeys: options.issuerKeys ?? { states: async () => [], refresh: async () => undefined },
    config,
    clock,
    metrics,
    log,
    budgets: { ...WIDE, ...options.budgets },
    loginLimits: { ...WIDE_LOGIN, ...options.loginLimits },
  });
  const keyUsage = createKeyUsage({ database, clock, log, metrics });
  const decisions = createDecisions({
    database,
    clock,
    metrics,
    log,
    // Statements are counted by tests: none comes unasked.
    flushEveryMs: Infinity,
  });
  const pipeline = createPipeline({
    routes: [...routes, ...iam.routes],
    config,
    log,
    metrics,
    clock,
    authenticate,
    cached: authenticate.known,
    chargeKey: createChargeKey({ usage: keyUsage, shared, clock, metrics }),
    onRefused: decisions.refused,
    rateLimit: options.rateLimit,
  });
  const call = createCall(pipeline);
  return {
    config,
    keyRing,
    database,
    iam,
    metrics,
    decisions,
    pipeline,
    authenticate,
    cache,
    countryOf,
    invalidate,
    keyUsage,
    /** As if another process had logged it. */
    invalidateNow: (key: InvalidationKey) => generations.bump(key),
    waits,
    call,
    /** What main does of requests whose answer tells nothing. */
    async deliverRequests(): Promise<void> {
      const deliverers = createRequestDeliverers(config, database);
      for (const entry of await takeDue(
        database,
        deliverers.map(({ kind }) => kind),
      )) {
        await deliverers.find(({ kind }) => kind === entry.kind)!.deliver(entry);
        await markDone(database, entry, false);
      }
    },
    /** What was queued for an address, the newest first. */
    async mailsTo(address: string): Promise<Mail[]> {
      const rows = await listKept(database, MAIL_KIND, 1_000);
      const mails = await Promise.all(rows.map((row) => openMail(sealer, row)));
      return mails.filter(({ to }) => to === address);
    },
  };
}

/** The token in the link of a mail. */
export function tokenIn(mail: Mail | undefined): string {
  const token = /#token=([A-Za-z0-9_-]+)/.exec(mail?.text ?? "")?.[1];
  if (token === undefined) throw new Error("there is no link in the mail");
  return token;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as a form in place of a JSON body. */
  readonly form?: Readonly<Record<string, string>> | string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly address?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
  readonly body: any;
}

/** Sends a request through the pipeline without a socket. */
export function createCall(pipeline: Pipeline) {
  return async (method: string, target: string, options: CallOptions = {}): Promise<Answer> => {
    const { token, address = "192.0.2.1" } = options;
    const { form } = options;
    const formText =
      typeof form === "string" ? form : form && new URLSearchParams({ ...form }).toString();
    const bytes = Buffer.from(formText ?? JSON.stringify(options.body) ?? "");
    const headers: Record<string, string> = {
      host: "localhost",
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
      ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...options.headers,
    };
    const [path = "", query = ""] = target.split("?");
    const wire = await pipeline.run({
      method,
      path,
      query,
      fields: {
        pairs: Object.entries(headers).flat(),
        host: headers["host"]!,
        authorization: headers["authorization"],
        apiKey: headers["x-api-key"],
        contentType: headers["content-type"],
        origin: headers["origin"],
        requestId: headers["x-request-id"],
        correlationId: headers["x-correlation-id"],
        traceparent: headers["traceparent"],
        forwardedFor: headers["x-forwarded-for"],
      },
      contentLength: bytes.length,
      fault: undefined,
      peerAddress: () => address,
      receiveBody: async () => bytes,
      onAbort: undefined,
    });
    const text = typeof wire.body === "string" ? wire.body : Buffer.from(wire.body).toString();
    const isJson = /json/.test(headersOf(wire)["content-type"] ?? "");
    const body: unknown = text !== "" && isJson ? JSON.parse(text) : undefined;
    return { status: wire.status, headers: headersOf(wire), text, body };
  };
}

let registered = 0;

/** A fresh account, registered as anybody would; its first tokens. */
export async function registerSomebody(app: TestApp, extra: Record<string, unknown> = {}) {
  const number = ++registered;
  const email = `person${number}-${process.pid}@example.com`;
  const body = { email, password: GOOD_PASSWORD, ...extra };
  const answer = await app.call("POST", "/auth/register", { body });
  if (answer.status !== 201) throw new Error(`register answered ${answer.status}: ${answer.text}`);
  return { email, password: GOOD_PASSWORD, ...(answer.body as Record<string, any>) } as {
    email: string;
    password: string;
    access_token: string;
    refresh_token: string;
    user: Record<string, any>;
    session: Record<string, any>;
  };
}

/** The database, with every statement that goes through it kept (without its values). */
export function watched(database: Database): { database: Database; statements: string[] } {
  const statements: string[] = [];
  const keep = ({ text }: Sql) => statements.push(text.replaceAll(/\s+/g, " ").trim());
  return { statements, database: showing(database, keep) };
}

/** Real hashing, counted. */
export function counted(passwords: Passwords = createInlinePasswords()) {
  const calls = { hash: 0, verify: 0, matches: 0, assess: 0 };
  const counting: Passwords = {
    hash: (...given) => (calls.hash++, passwords.hash(...given)),
    verify: (...given) => (calls.verify++, passwords.verify(...given)),
    matches: (...given) => (calls.matches++, passwords.matches(...given)),
    assess: (...given) => (calls.assess++, passwords.assess(...given)),
    drawQr: (...given) => passwords.drawQr(...given),
  };
  return { calls, passwords: counting };
}

/** Somebody with `administrator` in context iam, of another tenant where one is named. */
export async function registerAdmin(app: TestApp, tenantId?: string) {
  const person = await registerSomebody(app);
  const id = person.user["id"] as string;
  await app.database.withTransaction(async (tx) => {
    await tx.query(sql`INSERT INTO iam.user_role_association (user_id, role_context, role_name)
      VALUES (${id}, 'iam', 'administrator')`);
    if (tenantId !== undefined) {
      await tx.query(sql`UPDATE auth.accounts SET tenant_id = ${tenantId} WHERE id = ${id}`);
      await tx.query(sql`UPDATE iam.users SET tenant_id = ${tenantId} WHERE id = ${id}`);
    }
  });
  const { email, password } = person;
  const answer = await app.call("POST", "/auth/login", { body: { email, password } });
  if (answer.status !== 200) throw new Error(`login answered ${answer.status}: ${answer.text}`);
  return { ...person, ...(answer.body as Record<string, any>) } as typeof person;
}
