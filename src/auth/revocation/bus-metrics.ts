import type { Metrics } from "../../platform/metrics.ts";
import type { BusStats } from "./bus.ts";
import type { JumpReason } from "./cursor.ts";

const JUMPS: readonly JumpReason[] = ["start", "incarnation", "behind", "trimmed", "rewritten"];

/** The bus's counters, made once. */
export function createBusMetrics(metrics: Metrics, stats: () => BusStats) {
  const reads = metrics.histogram("brigade_bus_read_seconds", "Reads of the invalidation log");
  const keys = metrics.counter("brigade_bus_keys_total", "Invalidation keys applied from the log");
  const jumps = new Map(
    JUMPS.map((reason) => [
      reason,
      metrics.counter("brigade_bus_jumps_total", "Times everything cached was dropped", { reason }),
    ]),
  );
  metrics.gauge("brigade_bus_position", "Log number applied here", () => stats().position ?? 0);
  metrics.gauge("brigade_bus_connected", "1 while the bus has its connection", () =>
    stats().isConnected ? 1 : 0,
  );
  metrics.gauge(
    "brigade_bus_failures",
    "Failed reads of the log since the start",
    () => stats().failureCount,
  );
  return {
    observeRead: (seconds: number) => reads.observe(seconds),
    applied: (count: number) => keys.add(count),
    jumped: (reason: JumpReason) => jumps.get(reason)!.add(1),
  };
}

export type BusMetrics = ReturnType<typeof createBusMetrics>;
