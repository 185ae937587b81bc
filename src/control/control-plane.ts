import { setTimeout } from "node:timers/promises";
import { createTableUpkeep } from "../auth/cache/table-upkeep.ts";
import { createPasswordPool, handlePasswordRequest } from "../auth/password/pool.ts";
import { setBreakerDefaults } from "../platform/breaker.ts";
import { showBreakers } from "../platform/breaker-metrics.ts";
import { systemClock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import { createDocumentPool, handleDocumentRequest } from "../platform/document-pool.ts";
import { killHard, type Lifecycle } from "../platform/lifecycle.ts";
import { controlLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { MetricLayout } from "../platform/metrics.ts";
import {
  connections,
  createSharedMemory,
  draining,
  nextSpawn,
  passwordTasks,
  type SharedMemory,
} from "../platform/shared-memory.ts";
import { createMetricsBoard, type MetricsBoard } from "./metrics-board.ts";
import type { OpeningParts } from "./opening.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";

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
  setBreakerDefaults(config);
  showBreakers(board.main);
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

/**
 * The slowest goes first: while the database server starts, the threads load their code and main
 * its own.
 */
async function open(parts: OpeningParts): Promise<void> {
  parts.goOn();
  const { openDatabaseServer } = await import("./database-server.ts");
  parts.goOn();
  const opening = openDatabaseServer(parts.config, parts.log, parts.lifecycle);
  try {
    parts.supervisor.load();
    const { openAll } = await import("./opening.ts");
    await openAll(parts, opening);
  } finally {
    // A drain half-way must find the server among what is to be closed, or it would outlive us.
    await opening.opened.catch(() => {});
  }
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
  const passwords = createPasswordPool({
    config,
    metrics: board.main,
    log,
    onCount: passwordTasks(shared).write,
  });
  lifecycle.own("password pool", () => passwords.close());
  const documents = createDocumentPool({ log, metrics: board.main });
  lifecycle.own("document pool", () => documents.close());
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
      thread.port.serve("document", handleDocumentRequest(documents));
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
