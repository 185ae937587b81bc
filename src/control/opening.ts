import type { Server } from "node:http";
import { setTimeout } from "node:timers/promises";
import { createGenerations } from "../auth/cache/generations.ts";
import { createSealer } from "../auth/keys/sealer.ts";
import { createCountryOf } from "../auth/network/country.ts";
import { createInvalidate } from "../auth/revocation/invalidation-log.ts";
import { createQueueMail } from "../platform/mail.ts";
import { createLease } from "../auth/cache/lease.ts";
import type { KeyRingSnapshot } from "../auth/keys/key-ring.ts";
import { watchKeys } from "../auth/keys/key-watch.ts";
import { ensureKeys, prepareKeys } from "../auth/keys/store.ts";
import { hasAccounts } from "../auth/accounts/store.ts";
import { createBus } from "../auth/revocation/bus.ts";
import { watchThreads } from "../platform/heartbeat.ts";
import { systemClock } from "../platform/clock.ts";
import { databaseShares, type Config } from "../platform/config.ts";
import { newId } from "../platform/ids.ts";
import { killHard, type Lifecycle } from "../platform/lifecycle.ts";
import { controlLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { migrate } from "../platform/migrate.ts";
import { createDatabase, type Database } from "../platform/postgres.ts";
import type { SharedMemory } from "../platform/shared-memory.ts";
import { withQueryTimes } from "../platform/postgres-metrics.ts";
import { sql } from "../platform/sql.ts";
import { openAdmin } from "./admin.ts";
import type { OpeningServer } from "./database-server.ts";
import { startGauges } from "./gauges.ts";
import { startKeySets } from "./key-sets.ts";
import { startJobs } from "./jobs.ts";
import { createRequestDeliverers, openMailDelivery } from "./mail-delivery.ts";
import type { MetricsBoard } from "./metrics-board.ts";
import { startOutbox } from "./outbox.ts";
import { SCHEDULED_JOBS } from "./schedule.ts";
import { keyJob } from "./schedule-keys.ts";
import { createWatchJobs } from "./schedule-attacks.ts";
import { announceWebhookSecret, createTypeformDeliverers } from "./typeform-delivery.ts";
import { createWebhookDeliverer } from "./webhook-delivery.ts";
import type { Supervisor } from "./supervisor.ts";

// Any number that nothing else locks; the same in every process and version.
const WELCOME_LOCK_KEY = 7_043;

export interface OpeningParts {
  readonly config: Config;
  readonly shared: SharedMemory;
  readonly board: MetricsBoard;
  readonly log: Logger;
  readonly lifecycle: Lifecycle;
  readonly supervisor: Supervisor;
  /** Throws when the process is ending. */
  readonly goOn: () => void;
}

/** The steps of a start behind the first, in their order. Rejects when one fails or `goOn` throws. */
export async function openAll(parts: OpeningParts, opening: OpeningServer): Promise<void> {
  const { config, shared, board, log, lifecycle, supervisor, goOn } = parts;
  goOn();
  // On a fresh folder the first keys, and what will fill the database, come while it is made.
  const prepared = opening.isFresh ? prepareKeys(config) : [];
  const isWelcoming = opening.isFresh && config.environment === "development";
  const firstStart = isWelcoming ? loadFirstStart(config) : undefined;
  const server = await opening.opened;
  goOn();
  await migrate(server.url, log);
  goOn();
  const database = openMainDatabase(parts, server.url);
  const keys = await ensureKeys(database, config, log, prepared);
  goOn();
  await welcome(config, database, log, firstStart);
  goOn();

  const lease = createLease(shared, systemClock);
  const keyWatch = watchKeys({
    database,
    config,
    log,
    keys,
    deliver: (changed) => deliverKeys(supervisor, changed),
  });
  const bus = createBus({
    url: server.url,
    instanceId: newId(),
    leaseMs: config.leaseMs,
    staleMsMax: Math.max(config.staleSeconds * 1000, ...config.issuers.map((one) => one.staleMs)),
    generations: createGenerations(shared),
    lease,
    keys: keyWatch,
    clock: systemClock,
    log,
    metrics: board.main,
  });
  lifecycle.own("bus", () => bus.stop());
  await bus.start();
  goOn();
  startWatch(shared, supervisor, log, lifecycle);
  const keySets = await startKeySets(parts, database);
  const port = await supervisor.start((known) => ({
    databaseUrl: server.url,
    keys: keyWatch.keys(),
    keySets: keySets.snapshots(),
    // With PORT=0 the first thread finds a port and the others share it.
    port: known ?? config.port,
  }));
  const admin = await openAdmin({ ...parts, database, bus, lease, keySets });
  if (admin !== undefined) lifecycle.own("admin port", () => closeServer(admin));
  await announceWebhookSecret(config, database, log);
  openOutbox(parts, database);
  const gauges = startGauges({ database, metrics: board.main, log });
  lifecycle.own("gauges", () => gauges.stop());
  openJobs(parts, database);
  goOn();
  announce(config, port, log);
}

function openOutbox({ config, log, board, lifecycle }: OpeningParts, database: Database): void {
  const mail = openMailDelivery(config, log, board.main);
  lifecycle.own("mail", () => mail.close());
  const { alertWebhook } = config;
  const deliverers = [
    ...mail.deliverers,
    ...createRequestDeliverers(config, database),
    ...createTypeformDeliverers(config, database),
    ...(alertWebhook === undefined ? [] : [createWebhookDeliverer(alertWebhook, systemClock)]),
  ];
  const outbox = startOutbox({ database, deliverers, log, metrics: board.main });
  lifecycle.own("outbox", () => outbox.stop());
}

function openJobs(
  { config, shared, board, log, lifecycle }: OpeningParts,
  database: Database,
): void {
  const watch = createWatchJobs({
    database,
    metrics: board.main,
    config,
    invalidate: createInvalidate({ generations: createGenerations(shared) }),
    queueMail: createQueueMail(createSealer(config)),
    countryOf: createCountryOf({ config, log }),
  });
  const jobs = startJobs([...SCHEDULED_JOBS, keyJob(config, log), ...watch], {
    config,
    database,
    log,
  });
  lifecycle.own("jobs", () => jobs.stop());
}

/** Resolves when every thread that was told to serve has the keys; another gets them with that. */
async function deliverKeys(supervisor: Supervisor, keys: KeyRingSnapshot): Promise<void> {
  const { threadQuestionMs: deadlineMs } = controlLimits;
  await Promise.all(
    supervisor.told().map((thread) => thread.port.request("keys", keys, { deadlineMs })),
  );
}

function startWatch(
  shared: SharedMemory,
  supervisor: Supervisor,
  log: Logger,
  lifecycle: Lifecycle,
): void {
  const watch = watchThreads(
    shared,
    () => supervisor.serving().map((thread) => thread.slot),
    (slot) => {
      log.fatal({ slot }, "an HTTP thread hangs; the process ends");
      killHard();
    },
  );
  lifecycle.own("heartbeat", () => watch.stop());
}

function openMainDatabase({ config, board, log, lifecycle }: OpeningParts, url: string): Database {
  const database = withQueryTimes(
    createDatabase({
      url,
      // One of main's share is the bus's own.
      connections: databaseShares(config).main - 1,
      applicationName: "brigade-main",
      log,
    }),
    board.main,
  );
  lifecycle.own("database", () => database.end());
  return database;
}

/** What an empty database is filled with, and a login whose password is hashed already. */
async function loadFirstStart(config: Config) {
  const { fillEmptyDatabase, prepareLogin } = await import("./first-start.ts");
  return { fillEmptyDatabase, login: prepareLogin(config) };
}

/**
 * The contexts are loaded into main for the one start that needs them. Of several processes on the
 * same empty database one fills it and the others wait.
 */
async function welcome(
  config: Config,
  database: Database,
  log: Logger,
  firstStart: ReturnType<typeof loadFirstStart> | undefined,
): Promise<void> {
  if (config.environment !== "development" || (await hasAccounts(database))) return;
  const { fillEmptyDatabase, login } = await (firstStart ?? loadFirstStart(config));
  const fillInTurn = () =>
    database.withTransaction(
      async (tx) => {
        const { rows } = await tx.query<{ mine: boolean }>(
          sql`SELECT pg_try_advisory_xact_lock(${WELCOME_LOCK_KEY}) AS mine`,
        );
        if (rows[0]?.mine !== true) return false;
        if (!(await hasAccounts(database))) await fillEmptyDatabase(config, database, log, login);
        return true;
      },
      { deadlineMs: controlLimits.welcomeMs },
    );
  while (!(await fillInTurn())) await setTimeout(controlLimits.welcomePollMs);
}

function announce(config: Config, port: number, log: Logger): void {
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  log.info(
    { url: `http://${host}:${port}`, docs: config.docs, threads: config.httpThreads },
    "ready",
  );
  process.send?.("ready");
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
