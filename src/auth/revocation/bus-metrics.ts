import type { Metrics } from "../../platform/metrics.ts";
import type { Lease } from "../cache/lease.ts";
import type { BusStats } from "./bus.ts";
import type { JumpReason } from "./cursor.ts";

const JUMPS: readonly JumpReason[] = ["start", "incarnation", "behind", "trimmed", "rewritten"];

/** The bus's series, made once, in main's block alone. */
export function createBusMetrics(
  metrics: Metrics,
  lease: Pick<Lease, "holds">,
  stats: () => BusStats,
) {
  const reads = metrics.histogram("brigade_bus_read_seconds", "Reads of the invalidation log");
  const keys = metrics.counter("brigade_bus_keys_total", "Invalidation keys applied from the log");
  const failures = metrics.counter("brigade_bus_failures_total", "Turns of the bus that failed");
  const jumps = new Map(
    JUMPS.map((reason) => [
      reason,
      metrics.counter("brigade_bus_jumps_total", "Times everything cached was dropped", { reason }),
    ]),
  );
  const gauge = (name: string, help: string, read: () => number) =>
    metrics.gauge(`brigade_bus_${name}`, help, read);
  gauge("position", "Log number applied here", () => stats().position ?? 0);
  gauge("connected", "1 while the bus has its connection", () => (stats().isConnected ? 1 : 0));
  gauge("lease_held", "1 while cached principals count", () => (lease.holds() ? 1 : 0));
  return {
    failed: () => failures.add(),
    observeRead: (seconds: number) => reads.observe(seconds),
    applied: (count: number) => keys.add(count),
    jumped: (reason: JumpReason) => jumps.get(reason)!.add(),
  };
}

export type BusMetrics = ReturnType<typeof createBusMetrics>;
