import { createApp, type App, type AppPorts } from "./app.ts";
import { createAuthCache } from "./auth/cache/auth-cache.ts";
import { createGenerations } from "./auth/cache/generations.ts";
import { createLease } from "./auth/cache/lease.ts";
import { createForeignIssuer } from "./auth/issuers/foreign.ts";
import { createKeyCopies } from "./auth/issuers/key-copies.ts";
import type { KeySetSnapshot } from "./auth/issuers/key-set.ts";
import { createLocalIssuer } from "./auth/issuers/local.ts";
import { createIssuerRegistry, type IssuerRegistry } from "./auth/issuers/registry.ts";
import { createKeyRing, type KeyRingSnapshot } from "./auth/keys/key-ring.ts";
import { createWaitForCluster } from "./auth/revocation/instances.ts";
import { createInvalidate } from "./auth/revocation/invalidation-log.ts";
import { createSessionActivity } from "./auth/session/activity.ts";
import { tokenDigest } from "./auth/token/digest.ts";
import { countDroppedLines } from "./platform/log-metrics.ts";
import type { SharedMemory } from "./platform/shared-memory.ts";

type FromThread = Pick<
  AppPorts,
  | "config"
  | "log"
  | "clock"
  | "metrics"
  | "database"
  | "verify"
  | "passwords"
  | "drawDocument"
  | "issuerKeys"
  | "isReady"
>;

export interface ThreadAppOptions extends FromThread {
  readonly shared: SharedMemory;
  /** Number of this start: owner of what it writes into the claims table. */
  readonly spawn: number;
  /** A `KeyRingSnapshot`, as main sent it. */
  readonly keys: unknown;
  /** `KeySetSnapshot`s of foreign issuers, as main sent them. */
  readonly keySets: unknown;
  /** Asks main for a key of a foreign issuer; answers when it may be asked again. */
  readonly askForKey: (issuer: string, kid: string) => Promise<number>;
}

export interface ThreadApp extends App {
  /** Takes another `KeyRingSnapshot` from main. */
  replaceKeys(keys: unknown): void;
  /** Takes another `KeySetSnapshot` of a foreign issuer from main. */
  replaceIssuerKeys(set: unknown): void;
  /** Writes down what is only in memory; before the database is closed. */
  close(): Promise<void>;
}

/** The application of an HTTP thread: joined to the memory that all threads of the process share. */
export function createThreadApp(options: ThreadAppOptions): ThreadApp {
  const { config, shared, spawn, clock, metrics, database } = options;
  const keyRing = createKeyRing(options.keys as KeyRingSnapshot);
  const generations = createGenerations(shared);
  const lease = createLease(shared, clock);
  const foreignKeys = createKeyCopies({
    sets: options.keySets as readonly KeySetSnapshot[],
    ask: options.askForKey,
    clock,
    onWithdrawn: (issuer) => generations.bump({ kind: "issuer", issuer }),
  });
  const issuers = createIssuerRegistry([
    createLocalIssuer(config, keyRing),
    ...config.issuers.map((settings) => createForeignIssuer(settings, foreignKeys)),
  ]);
  const ruleSetId = ruleSetOf(issuers);
  countDroppedLines(metrics);
  const cache = createAuthCache({
    shared,
    generations,
    clock,
    spawn,
    metrics,
    ttlSeconds: config.authCacheTtlSeconds,
    digest: (token) => tokenDigest(token, ruleSetId),
  });
  const activity = createSessionActivity({ database, cache, log: options.log });
  const app = createApp({
    ...options,
    keyRing,
    issuers,
    generations,
    lease,
    cache,
    invalidate: createInvalidate({ generations }),
    waitForCluster: createWaitForCluster({
      database,
      clock,
      leaseMs: config.leaseMs,
      staleMsMax: Math.max(...issuers.all().map((issuer) => issuer.staleMs)),
    }),
    isReady: () => options.isReady() && lease.holds(),
  });
  return {
    ...app,
    close: async () => void (await Promise.all([app.close(), activity.stop()])),
    replaceIssuerKeys: (set) => foreignKeys.replace(set as KeySetSnapshot),
    replaceKeys(keys) {
      const withdrawn = keyRing.replace(keys as KeyRingSnapshot);
      // Verdicts under these keys go. After the exchange, and by each thread: what another thread
      // still verifies under its old keys goes when that one has done the same.
      if (withdrawn.length > 0) generations.bump({ kind: "issuer", issuer: config.publicUrl });
    },
  };
}

/** A verdict under other rules is another verdict: their names are part of what is hashed. */
function ruleSetOf(issuers: IssuerRegistry): string {
  const names = issuers.all().map((issuer) => issuer.ruleSetId);
  return names.join();
}
