import { httpLimits } from "../platform/limits.ts";
import { systemClock, type Clock } from "../platform/clock.ts";
import { json, type Reply } from "./reply.ts";
import { defineRoute, needs, PUBLIC, type Route } from "./route.ts";
import { Type } from "./schema.ts";

export interface HealthCheck {
  readonly status: "pass" | "warn" | "fail";
  readonly observedValue?: number | string;
  readonly observedUnit?: string;
  /** Why it does not pass: a code, never a message of somebody else. */
  readonly output?: string;
}

/** By name, `component:measurement` (`postgres:responseTime`). A check that throws has failed. */
export type HealthChecks = Readonly<Record<string, () => Promise<HealthCheck>>>;

export interface HealthOptions {
  readonly checks: HealthChecks;
  /** True while requests should be sent here. */
  isReady(): boolean;
  readonly clock?: Clock;
}

const HEALTHY = Object.freeze(json(200, Object.freeze({ status: "healthy" })));
const UNHEALTHY = Object.freeze(json(503, Object.freeze({ status: "unhealthy" })));
const PASS = Object.freeze(json(200, Object.freeze({ status: "pass" })));
const FAIL = Object.freeze(json(503, Object.freeze({ status: "fail" })));
const Status = Type.Object({ status: Type.String() });
const common = { tag: "health", quiet: true, unlimited: true } as const;
const probe = { ...common, method: "GET", access: PUBLIC, direct: true } as const;

/**
 * Health for probes and operators. Strangers get one word; what is behind it needs
 * `access_support`, because the state of each dependency helps an attacker too.
 */
export function createHealthRoutes(options: HealthOptions): Route[] {
  const { clock = systemClock } = options;
  return [
    defineRoute({
      ...probe,
      path: "/health",
      summary: "Whether the service can do its work",
      responses: {
        200: { description: "It can", schema: Status, example: { status: "healthy" } },
        503: { description: "It cannot", schema: Status, example: { status: "unhealthy" } },
      },
      handler: () => (options.isReady() ? HEALTHY : UNHEALTHY),
    }),
    defineRoute({
      ...probe,
      path: "/health/live",
      summary: "Whether the process answers at all",
      responses: { 200: { description: "It does", schema: Status, example: { status: "pass" } } },
      handler: () => PASS,
    }),
    defineRoute({
      ...probe,
      path: "/health/ready",
      summary: "Whether requests should be sent here",
      responses: {
        200: { description: "They should", schema: Status, example: { status: "pass" } },
        503: { description: "Not now", schema: Status, example: { status: "fail" } },
      },
      handler: () => (options.isReady() ? PASS : FAIL),
    }),
    defineRoute({
      ...common,
      // It asks who calls and what the database says: that is work, and not for probes.
      unlimited: false,
      method: "GET",
      path: "/health/detail",
      access: needs("iam", "access_support"),
      summary: "The state of each dependency",
      responses: {
        200: { description: "All of them work", contentType: "application/health+json" },
        503: { description: "One of them does not", contentType: "application/health+json" },
      },
      handler: () => detail(options, clock),
    }),
  ];
}

async function detail({ checks, isReady }: HealthOptions, clock: Clock): Promise<Reply> {
  const time = new Date(clock.nowMs()).toISOString();
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await outcomeOf(check)] as const),
  );
  const all = results.map(([, result]) => result.status);
  const failed = !isReady() || all.includes("fail");
  const status = failed ? "fail" : all.includes("warn") ? "warn" : "pass";
  return json(
    failed ? 503 : 200,
    {
      status,
      checks: Object.fromEntries(results.map(([name, result]) => [name, [{ ...result, time }]])),
    },
    { "content-type": "application/health+json" },
  );
}

/** A check that throws, or is not done in time, has failed; why is in the log of its own part. */
async function outcomeOf(check: () => Promise<HealthCheck>): Promise<HealthCheck> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<HealthCheck>((resolve) => {
    timer = setTimeout(() => resolve({ status: "fail" }), httpLimits.healthCheckMs);
  });
  try {
    return await Promise.race([check(), late]);
  } catch {
    return { status: "fail" };
  } finally {
    clearTimeout(timer);
  }
}
