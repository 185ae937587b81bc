import type { Server } from "node:http";
import { toHealthCheck } from "../auth/issuers/key-set-health.ts";
import type { KeySets } from "../auth/issuers/key-sets.ts";
import type { Bus } from "../auth/revocation/bus.ts";
import { systemClock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import { controlLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from "../platform/metrics-text.ts";
import type { Database } from "../platform/postgres.ts";
import { connections, draining, type SharedMemory } from "../platform/shared-memory.ts";
import { sql } from "../platform/sql.ts";
import { startAdminServer, type AdminAnswer } from "./admin-server.ts";
import { complain } from "./banner.ts";
import type { MetricsBoard } from "./metrics-board.ts";
import type { Supervisor } from "./supervisor.ts";

export interface AdminParts {
  readonly config: Config;
  readonly supervisor: Supervisor;
  readonly board: MetricsBoard;
  readonly database: Database;
  readonly bus: Bus;
  /** Whether the invalidation log is known to be read. */
  readonly lease: { holds(): boolean };
  /** Of foreign issuers. */
  readonly keySets: Pick<KeySets, "states">;
  readonly shared: SharedMemory;
  readonly log: Logger;
}

/** Opens the operator's port. A taken one costs the metrics, not the service. */
export async function openAdmin(parts: AdminParts): Promise<Server | undefined> {
  const { config, log } = parts;
  if (config.adminPort === 0) return undefined;
  const routes = {
    "GET /metrics": () => metrics(parts),
    "GET /health": () => health(parts),
    "GET /health/live": () => toJson(200, { status: "pass" }),
    "GET /health/ready": () => readiness(parts),
    "GET /health/detail": () => detail(parts),
    "POST /auth/verify": (body: string) => verifyToken(parts, body),
  };
  try {
    return await startAdminServer(config.adminPort, routes, log);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    complain(`the admin port ${config.adminPort} is in use: no /metrics from this process`);
    return undefined;
  }
}

async function metrics({ supervisor, board }: AdminParts): Promise<AdminAnswer> {
  board.main.refresh();
  const asked = supervisor
    .serving()
    .map((thread) =>
      thread.port.request("refresh-metrics", null, { deadlineMs: controlLimits.threadQuestionMs }),
    );
  // A thread that does not answer in time keeps the values of its last answer.
  await Promise.allSettled(asked);
  return { status: 200, contentType: PROMETHEUS_CONTENT_TYPE, body: renderPrometheus(board.all()) };
}

function isReady({ supervisor, lease, shared, config }: AdminParts): boolean {
  return (
    supervisor.serving().length === config.httpThreads &&
    lease.holds() &&
    !draining(shared).isDraining()
  );
}

function health(parts: AdminParts): AdminAnswer {
  return isReady(parts) ? toJson(200, { status: "healthy" }) : toJson(503, { status: "unhealthy" });
}

function readiness(parts: AdminParts): AdminAnswer {
  const ready = isReady(parts);
  return toJson(ready ? 200 : 503, { status: ready ? "pass" : "fail" });
}

async function detail(parts: AdminParts): Promise<AdminAnswer> {
  const { bus, config, database, keySets, lease, shared, supervisor } = parts;
  const postgres = await timePing(database);
  const { isConnected, hearsNotifications, position } = bus.stats();
  const isUp = postgres.status === "pass" && isReady(parts);
  const checks = {
    "postgres:responseTime": [postgres],
    "revocation:bus": [
      { status: isConnected ? "pass" : "warn", position, hears_notifications: hearsNotifications },
    ],
    "revocation:lease": [{ status: lease.holds() ? "pass" : "fail" }],
    ...Object.fromEntries(
      keySets.states().map((state) => [`issuer:${state.issuer}`, [toHealthCheck(state)]]),
    ),
    "http:threads": [
      {
        status: supervisor.serving().length === config.httpThreads ? "pass" : "warn",
        observedValue: supervisor.serving().length,
        observedUnit: "threads",
      },
    ],
    "http:connections": supervisor.serving().map(({ slot }) => ({
      status: "pass",
      componentId: `thread-${slot}`,
      observedValue: connections(shared, slot).read(),
    })),
  };
  return {
    ...toJson(isUp ? 200 : 503, { status: isUp ? "pass" : "fail", checks }),
    contentType: "application/health+json",
  };
}

async function timePing(database: Database) {
  const begunMs = systemClock.monotonicMs();
  try {
    await database.read(sql`SELECT 1 AS one`);
    const observedValue = Number((systemClock.monotonicMs() - begunMs).toFixed(2));
    return { status: "pass", observedValue, observedUnit: "ms" };
  } catch {
    return { status: "fail" };
  }
}

/** The same answer as `POST /auth/verify`, for tools on this machine that have no token. */
async function verifyToken({ supervisor }: AdminParts, body: string): Promise<AdminAnswer> {
  const [thread] = supervisor.serving();
  if (thread === undefined) return toJson(503, { error_code: "unavailable" });
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return toJson(400, { error_code: "malformed_request" });
  }
  const answer = (await thread.port.request("verify-token", parsed, {
    deadlineMs: controlLimits.threadQuestionMs,
  })) as { status: number; body: unknown };
  return toJson(answer.status, answer.body);
}

function toJson(status: number, body: unknown): AdminAnswer {
  return { status, contentType: "application/json", body: JSON.stringify(body) };
}
