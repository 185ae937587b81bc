import { randomUUID } from "node:crypto";
import { createAuthenticate } from "../../src/auth/authenticate.ts";
import { createAuthCache } from "../../src/auth/cache/auth-cache.ts";
import { createDocumentCache } from "../../src/auth/cache/document-cache.ts";
import { createGenerations } from "../../src/auth/cache/generations.ts";
import { createLease } from "../../src/auth/cache/lease.ts";
import type { InvalidationKey } from "../../src/auth/index.ts";
import { createIssuerRegistry } from "../../src/auth/issuers/registry.ts";
import { createBus } from "../../src/auth/revocation/bus.ts";
import { createWaitForCluster } from "../../src/auth/revocation/instances.ts";
import { createInvalidate } from "../../src/auth/revocation/invalidation-log.ts";
import { createIsForeignRevoked } from "../../src/auth/revocation/revoked-tokens.ts";
import { createLoadSession } from "../../src/auth/session/store.ts";
import { tokenDigest } from "../../src/auth/token/digest.ts";
import { verifyInline } from "../../src/auth/verify-pool.ts";
import { recordIamEvents } from "../../src/auth/audit/of-iam.ts";
import { createIam } from "../../src/contexts/iam/index.ts";
import { systemClock, type Clock } from "../../src/platform/clock.ts";
import { isRejection } from "../../src/platform/errors.ts";
import type { Logger } from "../../src/platform/log.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { createDatabase, type Database } from "../../src/platform/postgres.ts";
import { createSharedMemory } from "../../src/platform/shared-memory.ts";
import { sql } from "../../src/platform/sql.ts";
import { silentLog } from "../support/log.ts";
import { makeIssuer, makeKey, OWN, signToken } from "./token/token-factory.ts";

/** One key for all processes of a test: they share a key ring. */
const key = makeKey("ES256");

export interface ProcessOptions {
  readonly url: string;
  /** Another way to the same database, for the bus alone. */
  readonly busUrl?: string;
  readonly leaseMs?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
}

export type TestProcess = Awaited<ReturnType<typeof startProcess>>;

/** What one process has of authentication, with shared memory of its own, in this thread. */
export async function startProcess(options: ProcessOptions) {
  const { url, busUrl = url, leaseMs = 4_500, clock = systemClock, log = silentLog } = options;
  const shared = createSharedMemory({ httpThreads: 1, authCacheSlots: 64, clock });
  const generations = createGenerations(shared);
  const lease = createLease(shared, clock);
  const metrics = createMetrics();
  const database = createDatabase({ url, connections: 4, applicationName: "test", log });
  const invalidate = createInvalidate({ generations });
  const iam = createIam({
    database,
    invalidate,
    record: recordIamEvents,
    clock,
    ownIssuer: OWN,
    documents: createDocumentCache({ generations, lease, clock, metrics }),
  });
  const issuer = { ...makeIssuer([key]), staleMs: leaseMs };
  const cache = createAuthCache({
    shared,
    generations,
    clock,
    ttlSeconds: 300,
    spawn: 1,
    digest: (token) => tokenDigest(token, issuer.ruleSetId),
    metrics,
  });
  const instanceId = randomUUID();
  const bus = createBus({
    url: busUrl,
    instanceId,
    leaseMs,
    generations,
    lease,
    clock,
    log,
    metrics,
  });
  await bus.start();
  const authenticate = createAuthenticate({
    issuers: createIssuerRegistry([issuer]),
    verify: verifyInline,
    cache,
    generations,
    lease,
    loadSession: createLoadSession(database),
    loadMachine: async () => undefined,
    loadRoles: iam.loadRoles,
    isForeignRevoked: createIsForeignRevoked(database),
    clock,
    metrics,
    log,
    ownIssuer: OWN,
  });
  return {
    instanceId,
    shared,
    generations,
    lease,
    metrics,
    database,
    invalidate,
    iam,
    cache,
    bus,
    authenticate,
    waitForCluster: createWaitForCluster({ database, clock, leaseMs, staleMsMax: leaseMs }),
    /** `ok`, or the code of the refusal. */
    async ask(token: string): Promise<string> {
      const outcome = await authenticate(token, "192.0.2.1");
      return isRejection(outcome) ? outcome.code : "ok";
    },
    async stop() {
      await bus.stop();
      await database.end();
    },
  };
}

export interface Caller {
  readonly accountId: string;
  readonly sessionId: string;
  readonly tokenId: string;
  readonly token: string;
}

/** An account with a live session, an IAM user, and an access token as our own issuer signs it. */
export async function createCaller({ database, iam }: TestProcess): Promise<Caller> {
  const [accountId, sessionId, tokenId] = [randomUUID(), randomUUID(), randomUUID()];
  const tenantId = await database.withTransaction(async (tx) => {
    const { rows } = await tx.query<{ id: string }>(sql`SELECT id FROM auth.tenants`);
    const tenant = rows[0]!.id;
    await tx.query(sql`
      INSERT INTO auth.accounts (id, tenant_id, email)
      VALUES (${accountId}, ${tenant}, ${`${accountId}@test.example`})`);
    await tx.query(sql`
      INSERT INTO auth.sessions (id, account_id, tenant_id, refresh_kid, refresh_secret, amr,
        idle_seconds, absolute_expires_at, expires_at)
      VALUES (${sessionId}, ${accountId}, ${tenant}, 'mac-1', ${Buffer.alloc(32, 7)}, '{pwd}',
        3600, now() + interval '1 hour', now() + interval '1 hour')`);
    const user = { userId: accountId, issuer: OWN, subject: accountId, tenantId: tenant };
    await iam.provisionUser(tx, user);
    return tenant;
  });
  const nowSeconds = systemClock.nowSeconds();
  const token = signToken(
    key,
    { alg: key.alg, typ: "at+jwt", kid: key.kid },
    {
      iss: OWN,
      aud: OWN,
      sub: accountId,
      sid: sessionId,
      jti: tokenId,
      tid: tenantId,
      client_id: "brigade",
      iat: nowSeconds - 1,
      exp: nowSeconds + 600,
      auth_time: nowSeconds - 1,
      amr: ["pwd"],
    },
  );
  return { accountId, sessionId, tokenId, token };
}

/** Ends a session as the logout route does, and tells the log's number. */
export async function endSession(
  { database, invalidate }: Pick<TestProcess, "database" | "invalidate">,
  sessionId: string,
): Promise<number | undefined> {
  const receipt = await database.withTransaction(
    async (tx) => {
      await tx.query(sql`
        UPDATE auth.sessions SET ended_at = now(), end_reason = 'logout' WHERE id = ${sessionId}`);
      return invalidate(tx, [{ kind: "session", id: sessionId }]);
    },
    { revocation: true },
  );
  return receipt.number;
}

/** Logs keys with nothing else: for what they do to the caches alone. */
export async function logKeys(
  { database, invalidate }: { database: Database; invalidate: TestProcess["invalidate"] },
  keys: readonly InvalidationKey[],
): Promise<number | undefined> {
  return (await database.withTransaction(async (tx) => invalidate(tx, keys))).number;
}

/** Waits until `holds` answers true; a test that never sees it fails by the limit. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 15_000,
): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
