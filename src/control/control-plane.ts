import type { Server } from "node:http";
import { setTimeout } from "node:timers/promises";
import { createGenerations } from "../auth/cache/generations.ts";
import { createLease } from "../auth/cache/lease.ts";
import { createTableUpkeep } from "../auth/cache/table-upkeep.ts";
import { watchKeys } from "../auth/keys/key-watch.ts";
import { ensureKeys } from "../auth/keys/store.ts";
import { createPasswordPool, handlePasswordRequest } from "../auth/password/pool.ts";
import { hasAccounts } from "../auth/accounts/store.ts";
import { createBus } from "../auth/revocation/bus.ts";
import { watchThreads } from "../platform/heartbeat.ts";
import { systemClock } from "../platform/clock.ts";
import { databaseShares, type Config } from "../platform/config.ts";
import { newId } from "../platform/ids.ts";
import { killHard, type Lifecycle } from "../platform/lifecycle.ts";
import { controlLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { MetricLayout } from "../platform/metrics.ts";
import { migrate } from "../platform/migrate.ts";
import { createDatabase, type Database } from "../platform/postgres.ts";
import {
  connections,
  createSharedMemory,
  draining,
  nextSpawn,
  type SharedMemory,
} from "../platform/shared-memory.ts";
import { sql } from "../platform/sql.ts";
import { openAdmin } from "./admin.ts";
import { openDatabaseServer, preparedKeysFor } from "./database-server.ts";
import { startJobs } from "./jobs.ts";
import { createMetricsBoard, type MetricsBoard } from "./metrics-board.ts";
import { SCHEDULED_JOBS } from "./schedule.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";

// Any number that nothing else locks; the same in every process and version.
const WELCOME_LOCK_KEY = 7_043;

/*
 * new ──open──▶ opening ──▶ open
 *  └───────────────┴─────────┴──drain──▶ draining
 *
 * A drain may come at any moment of the start, with threads that load, wait or serve already: they
 * are drained first, and the step at hand is the last one of the start.
 */
export interface ControlPlane {
  /**
   * Brings everything up: threads that load, database, tables, keys, bus, threads that serve; then
   * tells the process manager and the log. Rejects when it fails or is drained half-way.
   */
  open(): Promise<void>;
  /**
   * Lets the HTTP threads finish what they have, and an opening end. The rest is the lifecycle's to
   * close.
   */
  drain(): Promise<void>;
}

/** Makes the control plane of a process; nothing is opened before `open`. */
export function createControlPlane(
  config: Config,
  log: Logger,
  lifecycle: Lifecycle,
): ControlPlane {
  const shared = createSharedMemory(config);
  const board = createMetricsBoard(config.httpThreads);
  const supervisor = openSupervisor({ config, shared, board, log, lifecycle });
  let opening: Promise<void> | undefined;

  const goOn = () => {
    if (draining(shared).isDraining()) throw new Error("the start was ended half-way");
  };
  return {
    open: () => (opening = open({ config, shared, board, log, lifecycle, supervisor, goOn })),
    async drain() {
      draining(shared).begin();
      await supervisor.drain();
      // What the step at hand opens is closed with the rest, unless it hangs.
      const patience = setTimeout(controlLimits.startStepMs);
      await Promise.race([opening?.catch(() => {}), patience]);
    },
  };
}

interface OpeningParts extends SupervisorParts {
  readonly supervisor: Supervisor;
  /** Throws when the process is ending. */
  readonly goOn: () => void;
}

async function open(parts: OpeningParts): Promise<void> {
  const { config, shared, board, log, lifecycle, supervisor, goOn } = parts;
  goOn();
  // The threads load their code while the database opens.
  supervisor.load();
  const prepared = preparedKeysFor(config);
  const server = await openDatabaseServer(config, log, lifecycle);
  goOn();
  await migrate(server.url, log);
  goOn();
  const database = openMainDatabase(config, server.url, log, lifecycle);
  const keys = await ensureKeys(database, config, log, prepared);
  goOn();
  await welcome(config, database, log);
  goOn();

  const lease = createLease(shared, systemClock);
  const bus = createBus({
    url: server.url,
    instanceId: newId(),
    leaseMs: config.leaseMs,
    staleMsMax: config.staleSeconds * 1000,
    generations: createGenerations(shared),
    lease,
    clock: systemClock,
    log,
    metrics: board.main,
  });
  lifecycle.own("bus", () => bus.stop());
  await bus.start();
  goOn();
  startWatch(shared, supervisor, log, lifecycle);
  const keyWatch = watchKeys({
    database,
    config,
    log,
    keys,
    onChange(changed) {
      // A thread that does not serve yet is given the keys with its order to.
      for (const thread of supervisor.live()) thread.port.emit("keys", changed);
    },
  });
  lifecycle.own("key watch", () => keyWatch.stop());

  const port = await supervisor.start((known) => ({
    databaseUrl: server.url,
    keys: keyWatch.keys(),
    // With PORT=0 the first thread finds a port and the others share it.
    port: known ?? config.port,
  }));
  const admin = await openAdmin({ config, supervisor, board, database, bus, lease, shared, log });
  if (admin !== undefined) lifecycle.own("admin port", () => closeServer(admin));
  const jobs = startJobs(SCHEDULED_JOBS, database, log);
  lifecycle.own("jobs", () => jobs.stop());
  goOn();
  announce(config, port, log);
}

interface SupervisorParts {
  readonly config: Config;
  readonly shared: SharedMemory;
  readonly board: MetricsBoard;
  readonly log: Logger;
  readonly lifecycle: Lifecycle;
}

function openSupervisor(parts: SupervisorParts): Supervisor {
  const { config, shared, board, log, lifecycle } = parts;
  const passwords = createPasswordPool({ config, metrics: board.main, log });
  lifecycle.own("password pool", () => passwords.close());
  const claimsTable = createTableUpkeep({ shared, clock: systemClock, metrics: board.main });
  const sweep = setInterval(() => claimsTable.sweep(), controlLimits.claimsSweepMs);
  lifecycle.own("claims sweep", () => clearInterval(sweep));
  return createSupervisor({
    log,
    threads: config.httpThreads,
    dataOf: (slot) => ({
      config,
      shared,
      slot,
      spawn: nextSpawn(shared),
      metricsBlock: board.blockOf(slot),
    }),
    attach(thread) {
      thread.port.serve("password", handlePasswordRequest(passwords));
      thread.port.on("metrics", (layout: MetricLayout) => board.describe(thread.slot, layout));
    },
    release(thread) {
      claimsTable.freeOwnedBy(thread.spawn);
      connections(shared, thread.slot).reset();
    },
    giveUp(reason) {
      log.fatal({ reason }, "the process ends; its manager starts it again");
      killHard();
    },
  });
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

function openMainDatabase(
  config: Config,
  url: string,
  log: Logger,
  lifecycle: Lifecycle,
): Database {
  const database = createDatabase({
    url,
    // One of main's share is the bus's own.
    connections: databaseShares(config).main - 1,
    applicationName: "brigade-main",
    log,
  });
  lifecycle.own("database", () => database.end());
  return database;
}

/**
 * The contexts are loaded into main for the one start that needs them. Of several processes on the
 * same empty database one fills it and the others wait.
 */
async function welcome(config: Config, database: Database, log: Logger): Promise<void> {
  if (config.environment !== "development" || (await hasAccounts(database))) return;
  const { fillEmptyDatabase } = await import("./first-start.ts");
  const fillInTurn = () =>
    database.withTransaction(
      async (tx) => {
        const { rows } = await tx.query<{ mine: boolean }>(
          sql`SELECT pg_try_advisory_xact_lock(${WELCOME_LOCK_KEY}) AS mine`,
        );
        if (rows[0]?.mine !== true) return false;
        if (!(await hasAccounts(database))) await fillEmptyDatabase(config, database, log);
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
