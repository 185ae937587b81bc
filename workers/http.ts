import { parentPort, workerData } from "node:worker_threads";
import { createApp, type App } from "../src/app.ts";
import { createAuthCache } from "../src/auth/cache/auth-cache.ts";
import { createGenerations } from "../src/auth/cache/generations.ts";
import { createLease } from "../src/auth/cache/lease.ts";
import { createIssuerRegistry } from "../src/auth/issuers/registry.ts";
import { createLocalIssuer } from "../src/auth/issuers/local.ts";
import { createKeyRing, type KeyRing, type KeyRingSnapshot } from "../src/auth/keys/key-ring.ts";
import { createRemotePasswords } from "../src/auth/password/remote.ts";
import { createWaitForCluster } from "../src/auth/revocation/instances.ts";
import { createInvalidate } from "../src/auth/revocation/invalidation-log.ts";
import { tokenDigest } from "../src/auth/token/digest.ts";
import { createVerifyPool, type VerifySignature } from "../src/auth/verify-pool.ts";
import { createUwsServer, type UwsServer } from "../src/http/uws/server.ts";
import { watchMain, type MainWatch } from "../src/platform/heartbeat.ts";
import { systemClock } from "../src/platform/clock.ts";
import { databaseShares } from "../src/platform/config.ts";
import { exit, killHard, onExit } from "../src/platform/lifecycle.ts";
import { createLogger } from "../src/platform/log.ts";
import { createMetrics } from "../src/platform/metrics.ts";
import { createDatabase, type Database } from "../src/platform/postgres.ts";
import { draining } from "../src/platform/shared-memory.ts";
import type { StartOrder, ThreadData } from "../src/platform/thread-data.ts";
import { createPort } from "../src/platform/thread-port.ts";

/*
 * One HTTP thread: the data plane. Main created it, tells it when to serve and when to drain, and
 * never terminates it; it owns an App and closes that itself, whatever ends it.
 */

const { config, shared, slot, spawn, metricsBlock } = workerData as ThreadData;
const port = createPort(parentPort!);
const log = createLogger(config, { name: "http", process: config.processNumber, thread: slot });
const clock = systemClock;
const metrics = createMetrics(metricsBlock);
let server: UwsServer | undefined;
let isDraining = false;
let finish: () => Promise<void> = async () => {};

// Whatever ends this thread, an open App must not outlive its event loop.
onExit(() => server?.close());

port.on("start", (order: StartOrder) => void start(order));
port.on("drain", () => void drain());
port.emit("loaded");

async function start(order: StartOrder): Promise<void> {
  if (isDraining) return;
  const watch = watchMain(shared, slot, () => {
    log.fatal("main does not move any more; the process ends");
    killHard();
  });
  const keyRing = createKeyRing(order.keys as KeyRingSnapshot);
  port.on("keys", (keys: KeyRingSnapshot) => keyRing.replace(keys));
  const database = createDatabase({
    url: order.databaseUrl,
    connections: databaseShares(config).perThread,
    applicationName: `brigade-http-${slot}`,
    log,
  });
  const verifyPool = createVerifyPool({ threads: config.verifyThreads, clock, metrics, log });
  const app = compose({ keyRing, database, watch, verify: verifyPool.verify });
  port.serve("refresh-metrics", () => metrics.refresh());
  port.serve("verify-token", (body) => app.describeToken(body));
  server = createUwsServer({
    pipeline: app.pipeline,
    config,
    log,
    metrics,
    shared,
    threadSlot: slot,
  });
  finish = async () => {
    watch.stop();
    await verifyPool.close();
    await database.end();
  };
  const listeningPort = await server.listen(order.port, config.host);
  port.emit("metrics", metrics.layout());
  port.emit("listening", listeningPort);
  // Its threads load while the first requests are verified here.
  await verifyPool.start();
}

interface Parts {
  readonly keyRing: KeyRing;
  readonly database: Database;
  readonly watch: MainWatch;
  readonly verify: VerifySignature;
}

/** Joins what only a thread has (shared memory, main's password pool) with the application. */
function compose({ keyRing, database, watch, verify }: Parts): App {
  const generations = createGenerations(shared);
  const lease = createLease(shared, clock);
  const issuers = createIssuerRegistry([createLocalIssuer(config, keyRing)]);
  // A verdict under other rules is another verdict: their names are part of what is hashed.
  const ruleSetId = issuers
    .all()
    .map((issuer) => issuer.ruleSetId)
    .join();
  const cache = createAuthCache({
    shared,
    generations,
    clock,
    spawn,
    metrics,
    ttlSeconds: config.authCacheTtlSeconds,
    digest: (token) => tokenDigest(token, ruleSetId),
  });
  return createApp({
    config,
    log,
    clock,
    metrics,
    database,
    keyRing,
    issuers,
    verify,
    cache,
    generations,
    lease,
    shared,
    passwords: createRemotePasswords(port),
    invalidate: createInvalidate({ generations }),
    waitForCluster: createWaitForCluster({
      database,
      clock,
      leaseMs: config.leaseMs,
      staleMsMax: Math.max(...issuers.all().map((issuer) => issuer.staleMs)),
    }),
    isReady: () => watch.mainIsAlive() && lease.holds() && !draining(shared).isDraining(),
  });
}

/** Finishes what was begun, closes the App when nobody is connected any more, and ends. */
async function drain(): Promise<void> {
  isDraining = true;
  const open = server;
  if (open !== undefined) {
    open.drain();
    await new Promise<void>((resolve) => open.onIdle(resolve));
    open.close();
  }
  await finish();
  exit(0);
}
