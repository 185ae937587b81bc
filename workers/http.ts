import { parentPort, workerData } from "node:worker_threads";
import { createThreadApp, type ThreadAppOptions } from "../src/thread-app.ts";
import { createRemotePasswords } from "../src/auth/password/remote.ts";
import { createVerifyPool } from "../src/auth/verify-pool.ts";
import { createUwsServer, type UwsServer } from "../src/http/uws/server.ts";
import { watchMain } from "../src/platform/heartbeat.ts";
import { setBreakerDefaults } from "../src/platform/breaker.ts";
import { showBreakers } from "../src/platform/breaker-metrics.ts";
import { systemClock } from "../src/platform/clock.ts";
import { databaseShares } from "../src/platform/config.ts";
import { createRemoteDocuments } from "../src/platform/document-pool.ts";
import { exit, killHard, onExit } from "../src/platform/lifecycle.ts";
import { controlLimits, keySetLimits } from "../src/platform/limits.ts";
import { createLogger } from "../src/platform/log.ts";
import { createMetrics } from "../src/platform/metrics.ts";
import { createDatabase } from "../src/platform/postgres.ts";
import { withQueryTimes } from "../src/platform/postgres-metrics.ts";
import { draining, passwordTasks } from "../src/platform/shared-memory.ts";
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
setBreakerDefaults(config);
showBreakers(metrics);
let server: UwsServer | undefined;
let isDraining = false;
let replaceKeys: (keys: unknown) => void = () => {};
let replaceIssuerKeys: (set: unknown) => void = () => {};
let finish: () => Promise<void> = async () => {};

// Whatever ends this thread, an open App must not outlive its event loop.
onExit(() => server?.close());

port.on("start", (order: StartOrder) => void start(order));
port.on("drain", () => void drain());
port.serve("keys", (keys) => replaceKeys(keys));
port.on("issuer-keys", (set) => replaceIssuerKeys(set));
port.emit("loaded");

async function start(order: StartOrder): Promise<void> {
  if (isDraining) return;
  const watch = watchMain(shared, slot, () => {
    log.fatal("main does not move any more; the process ends");
    killHard();
  });
  const database = withQueryTimes(
    createDatabase({
      url: order.databaseUrl,
      connections: databaseShares(config).perThread,
      applicationName: `brigade-http-${slot}`,
      log,
    }),
    metrics,
  );
  const verifyPool = createVerifyPool({ threads: config.verifyThreads, clock, metrics, log });
  const app = createThreadApp({
    config,
    shared,
    spawn,
    log,
    clock,
    metrics,
    database,
    keys: order.keys,
    keySets: order.keySets,
    askForKey,
    issuerKeys,
    verify: verifyPool.verify,
    passwords: createRemotePasswords({
      port,
      tasksOfAll: passwordTasks(shared).read,
      threads: config.passwordThreads,
    }),
    drawDocument: createRemoteDocuments(port),
    isReady: () => watch.mainIsAlive() && !draining(shared).isDraining(),
  });
  ({ replaceKeys, replaceIssuerKeys } = app);
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
    await app.close();
    await database.end();
  };
  const listeningPort = await server.listen(order.port, config.host);
  port.emit("metrics", metrics.layout());
  port.emit("listening", listeningPort);
  // Its threads load while the first requests are verified here.
  await verifyPool.start();
}

const issuerKeys: ThreadAppOptions["issuerKeys"] = {
  states: () => ask("issuer-states", null, controlLimits.threadQuestionMs),
  refresh: (issuer) => ask("issuer-refresh", issuer, keySetLimits.threadWaitMs),
};

async function ask<T>(kind: string, payload: unknown, deadlineMs: number): Promise<T> {
  return (await port.request(kind, payload, { deadlineMs })) as T;
}

async function askForKey(issuer: string, kid: string): Promise<number> {
  return await ask("issuer-key", { issuer, kid }, keySetLimits.threadWaitMs);
}

/** Finishes what was begun, closes the App when nobody is connected any more, and ends. */
async function drain(): Promise<void> {
  isDraining = true;
  const open = server;
  if (open !== undefined) {
    open.drain();
    // A load balancer's idle connections are worth the wait, a developer's browser is not.
    const patienceMs = config.environment === "production" ? undefined : controlLimits.hurryMs;
    await new Promise<void>((resolve) => open.onIdle(resolve, patienceMs));
    open.close();
  }
  await finish();
  exit(0);
}
