import { Check } from "typebox/schema";
import { openLimits } from "./app-limits.ts";
import { createGuesses } from "./auth/api-keys/guesses.ts";
import { createLoadKey } from "./auth/api-keys/store-live.ts";
import { byOf } from "./auth/accounts/administration.ts";
import { recordEvent } from "./auth/audit/store.ts";
import { callerOf } from "./auth/routes-replies.ts";
import { createDecisions } from "./auth/audit/decisions.ts";
import { createAuthenticate } from "./auth/authenticate.ts";
import type { AuthCache } from "./auth/cache/auth-cache.ts";
import { createDocumentCache } from "./auth/cache/document-cache.ts";
import type { Generations } from "./auth/cache/generations.ts";
import type { Lease } from "./auth/cache/lease.ts";
import { createDiscoveryRoutes } from "./auth/discovery-routes.ts";
import type { Authenticate, Invalidate, WaitForCluster } from "./auth/index.ts";
import { issuerChecks, type IssuerKeys } from "./auth/issuers/key-set-health.ts";
import type { IssuerRegistry } from "./auth/issuers/registry.ts";
import type { KeyRing } from "./auth/keys/key-ring.ts";
import { createBlockOf } from "./auth/network/blocks.ts";
import { locateCallers } from "./auth/locate-callers.ts";
import { createCountryOf, type CountryOf } from "./auth/network/country.ts";
import { createSealer } from "./auth/keys/sealer.ts";
import { createMailboxRoutes } from "./auth/mail/dev-mailbox.ts";
import { selectKeyVersion } from "./auth/keys/store-rows.ts";
import type { Passwords } from "./auth/password/password-port.ts";
import { createLoadMachine } from "./auth/oauth/store.ts";
import { createProvision } from "./auth/issuers/provision.ts";
import { createIsForeignRevoked } from "./auth/revocation/revoked-tokens.ts";
import { createAuthRoutes } from "./auth/routes.ts";
import { verifyBody } from "./auth/routes-schemas.ts";
import { introspect } from "./auth/session/introspect.ts";
import { createLoadSession } from "./auth/session/store.ts";
import { createPolicyOf } from "./auth/tenants/policies.ts";
import { createThrottle } from "./auth/throttle/throttle.ts";
import {
  createIsTenantActive,
  ofActiveTenants,
  type IsTenantActive,
} from "./auth/tenants/standing.ts";
import type { VerifySignature } from "./auth/verify-pool.ts";
import {
  createClientOnboarding,
  erasingForms,
  type RecordKeyChange,
} from "./contexts/client-onboarding/index.ts";
import { recordIamEvents } from "./auth/audit/of-iam.ts";
import { createIam, type Iam } from "./contexts/iam/index.ts";
import {
  createProductsCatalog,
  findProductTexts,
  findShoppingProducts,
  readProductMarks,
} from "./contexts/products-catalog/index.ts";
import { createRecipesCatalog } from "./contexts/recipes-catalog/index.ts";
import { createDocsRoutes } from "./http/docs.ts";
import { createHealthRoutes, type HealthChecks } from "./http/health.ts";
import { repeatable } from "./http/idempotency.ts";
import { createPipeline, type Pipeline } from "./http/pipeline.ts";
import type { Route } from "./http/route.ts";
import type { Clock } from "./platform/clock.ts";
import type { Config } from "./platform/config.ts";
import type { DrawDocument } from "./platform/documents/document-task.ts";
import { createQueueMail } from "./platform/mail.ts";
import type { Logger } from "./platform/log.ts";
import type { Metrics } from "./platform/metrics.ts";
import type { Database } from "./platform/postgres.ts";
import { sql } from "./platform/sql.ts";
import type { Sealer } from "./platform/sealer.ts";
import type { SharedMemory } from "./platform/shared-memory.ts";

/** What an entry point gives the application: everything that differs between runtimes. */
export interface AppPorts {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly issuers: IssuerRegistry;
  /** Of foreign issuers. */
  readonly issuerKeys: IssuerKeys;
  readonly verify: VerifySignature;
  readonly passwords: Passwords;
  readonly drawDocument: DrawDocument;
  readonly cache: AuthCache;
  readonly generations: Generations;
  readonly lease: Pick<Lease, "holds">;
  readonly invalidate: Invalidate;
  readonly waitForCluster: WaitForCluster;
  /** Rate cells of the process; without it each sandbox counts for itself. */
  readonly shared?: SharedMemory;
  /** True while requests should be sent to this thread. */
  isReady(): boolean;
}

export interface App {
  readonly pipeline: Pipeline;
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
  /** `POST /auth/verify` for the admin port: no caller is asked for. */
  describeToken(body: unknown): Promise<{ status: number; body: unknown }>;
  /** Writes down what was only counted so far. The database must still be open. */
  close(): Promise<void>;
}

/**
 * The composition root of one HTTP thread or one Lambda sandbox: the only place where modules
 * meet. It knows no transport, no pool and no thread.
 */
export function createApp(ports: AppPorts): App {
  const { config, log, clock, metrics, database, keyRing } = ports;
  const documents = createDocumentCache(ports);
  const policyOf = createPolicyOf({ database, documents, config });
  const blockOf = createBlockOf({ database, documents, clock });
  const sealer = createSealer(config);
  const countryOf = createCountryOf({ config, log });
  const iam = createIam({
    ...ports,
    record: recordIamEvents,
    ownIssuer: config.publicUrl,
    foreignIssuers: config.issuers,
    documents,
  });
  const people = peopleOf(iam, createIsTenantActive({ database, documents }));
  const authenticate = createAuthenticate({
    ...ports,
    ...readsOf(database),
    provision: createProvision(database, iam.provisionForeignUser, people.isTenantActive),
    loadRoles: people.loadRoles,
    apiKeys: {
      loadKey: createLoadKey(database),
      guesses: createGuesses(createThrottle(database, metrics, { blockOf }), clock),
    },
    areKeysCurrent: async () => (await selectKeyVersion(database)) === keyRing.version(),
    ownIssuer: config.publicUrl,
  });
  const limits = openLimits(ports);
  const services: Route[] = [
    ...createAuthRoutes({
      ...ports,
      authenticate,
      policyOf,
      blockOf,
      countryOf,
      sealer,
      queueMail: createQueueMail(sealer),
      documents,
      ...people,
    }),
    ...createDiscoveryRoutes({ config, keyRing }),
    ...createMailboxRoutes({ database, sealer, config }),
    ...contextRoutes(ports, iam, sealer, countryOf),
    ...createHealthRoutes({ checks: healthChecks(ports), isReady: () => ports.isReady() }),
  ].map((route) => (mayBeRepeated(route) ? repeatable(route, database) : route));
  const routes = config.docs
    ? [...services, ...createDocsRoutes({ routes: services, config })]
    : services;
  const decisions = createDecisions({ database, clock, metrics, log });
  const pipeline = createPipeline({
    routes,
    config,
    log,
    metrics,
    clock,
    authenticate,
    cached: authenticate.known,
    onRefused: decisions.refused,
    ...limits.admission,
  });
  return {
    pipeline,
    routes,
    authenticate,
    async close() {
      await Promise.all([limits.close(), decisions.flush()]);
    },
    describeToken: (body) => describeToken(authenticate, body),
  };
}

/** The business contexts. None knows another: what one needs of another is joined here. */
function contextRoutes(ports: AppPorts, iam: Iam, sealer: Sealer, countryOf: CountryOf): Route[] {
  const { database, clock, log, config, drawDocument } = ports;
  const products = createProductsCatalog({ database, clock, log });
  const onboarding = createClientOnboarding({
    database,
    clock,
    config,
    sealer,
    recordKeyChange,
  });
  const recipes = createRecipesCatalog({
    database,
    clock,
    similarProducts: products.similarProducts,
    findFormResponse: onboarding.findFormResponse,
    products: { findProductTexts, readProductMarks },
    shopping: { findShoppingProducts, readProductMarks, drawDocument },
  });
  // Theirs are events of the audit log.
  const recorded = locateCallers([...onboarding.keyRoutes, ...iam.routes], countryOf);
  return [...products.routes, ...recipes.routes, ...onboarding.routes, ...recorded];
}

const recordKeyChange: RecordKeyChange = (tx, request, action) => {
  const { principal } = request;
  const by = byOf(principal, callerOf(request));
  return recordEvent(tx, { action: `typeform_key.${action}`, ...by, tenantId: principal.tenantId });
};

/** Every POST of a business resource that writes: a client that lost the answer asks again. */
const mayBeRepeated = ({ method, path, access, keyScope }: Route) =>
  method === "POST" && path.startsWith("/v1/") && access.kind !== "public" && keyScope !== "read";

/** What authentication and accounts ask of iam. */
export const peopleOf = (iam: Iam, isTenantActive: IsTenantActive) => ({
  provisionUser: iam.provisionUser,
  discardUser: erasingForms(iam.discardUser),
  giveAdministrator: iam.giveAdministrator,
  findIdentity: iam.findIdentity,
  loadRoles: ofActiveTenants(iam.loadRoles, isTenantActive),
  isTenantActive,
});

/** What authentication asks the database of callers it does not know. */
const readsOf = (database: Database) => ({
  loadSession: createLoadSession(database),
  loadMachine: createLoadMachine(database),
  isForeignRevoked: createIsForeignRevoked(database),
});
async function describeToken(authenticate: Authenticate, body: unknown) {
  if (!Check(verifyBody, body)) return { status: 422, body: { error_code: "validation_failed" } };
  const { token, required_permissions: required = [] } = body;
  return { status: 200, body: await introspect(authenticate, token, required) };
}

const PING = sql`SELECT 1 AS one`;

function healthChecks(ports: AppPorts): HealthChecks {
  const { config, database, lease, clock, issuerKeys } = ports;
  return {
    ...issuerChecks(config.issuers, issuerKeys),
    "postgres:responseTime": async () => {
      const begunMs = clock.monotonicMs();
      await database.read(PING);
      return { status: "pass", observedValue: clock.monotonicMs() - begunMs, observedUnit: "ms" };
    },
    "revocation:lease": async () => ({ status: lease.holds() ? "pass" : "fail" }),
  };
}
