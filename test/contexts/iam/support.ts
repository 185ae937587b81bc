import { recordIamEvents } from "../../../src/auth/audit/of-iam.ts";
import { createDocumentCache } from "../../../src/auth/cache/document-cache.ts";
import { authErrors } from "../../../src/auth/errors.ts";
import type { DocumentCache, InvalidationKey, RecordIamEvents } from "../../../src/auth/index.ts";
import { createInvalidate } from "../../../src/auth/revocation/invalidation-log.ts";
import { createIam } from "../../../src/contexts/iam/index.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { newId } from "../../../src/platform/ids.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { tinyMemory } from "../../auth/cache/fixtures.ts";
import { principalOf, startServer } from "../../http/fixture.ts";

export const OWN_ISSUER = "https://brigade.example";
export const FOREIGN_ISSUER = "https://issuer.example/pool";
export const TENANT = "00000000-0000-7000-8000-000000000001";
export const OTHER_TENANT = "00000000-0000-7000-8000-000000000002";

export type Memory = ReturnType<typeof createMemory>;

/** What a process remembers, with the lease in the test's hand. */
export function createMemory() {
  const { clock, generations } = tinyMemory();
  const lease = { isHeld: true, holds: () => lease.isHeld };
  const metrics = createMetrics();
  const documents: DocumentCache = createDocumentCache({ generations, lease, clock, metrics });
  return { generations, lease, documents };
}

/** The real context on a real database; `bumped` are the keys that reached this process. */
export function openIam(
  database: Database,
  memory?: Memory,
  record: RecordIamEvents = recordIamEvents,
) {
  const bumped: InvalidationKey[] = [];
  const bump = (key: InvalidationKey) => {
    bumped.push(key);
    memory?.generations.bump(key);
  };
  const invalidate = createInvalidate({ generations: { bump } });
  const iam = createIam({
    database,
    invalidate,
    record,
    clock: systemClock,
    ownIssuer: OWN_ISSUER,
    foreignIssuers: [{ issuer: FOREIGN_ISSUER, tenantId: TENANT }],
    ...(memory === undefined ? {} : { documents: memory.documents }),
  });
  return {
    ...iam,
    bumped,
    /** A user as registration makes it. */
    async provision(options: { tenantId?: string; issuer?: string; userId?: string } = {}) {
      const userId = options.userId ?? newId();
      await database.withTransaction((tx) =>
        iam.provisionUser(tx, {
          userId,
          issuer: options.issuer ?? OWN_ISSUER,
          subject: userId,
          tenantId: options.tenantId ?? TENANT,
        }),
      );
      return userId;
    },
  };
}

/**
 * The real routes behind the real pipeline on a free port. A token is the subject itself: who it
 * belongs to is another part's business, what that user may do is read from the database.
 */
export async function serveIam(database: Database) {
  const iam = openIam(database);
  const server = await startServer({
    routes: iam.routes,
    config: { environment: "test" },
    authenticate: async (token) => {
      const grants = await iam.loadRoles({ issuer: OWN_ISSUER, subject: token });
      if (grants === undefined) return authErrors.rejection("principal_unknown");
      return { ...principalOf(token), ...grants };
    },
  });
  return {
    ...iam,
    close: () => server.close(),
    async ask(
      token: string,
      method: string,
      path: string,
      options: { body?: unknown; headers?: Record<string, string> } = {},
    ) {
      const { body, headers } = options;
      const response = await fetch(server.url + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const type = response.headers.get("content-type");
      return {
        status: response.status,
        headers: response.headers,
        type,
        body: (text === "" ? undefined : JSON.parse(text)) as any,
      };
    },
  };
}
