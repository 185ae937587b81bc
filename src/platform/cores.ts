import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/**
 * Cores this process may use: what the scheduler allows, or the container's quota (cgroup v2
 * `cpu.max`, v1 `cpu.cfs_quota_us`) when that is less. At least 1.
 */
export function availableCores(
  cgroup = "/sys/fs/cgroup",
  scheduler = availableParallelism(),
): number {
  const quota = quotaV2(cgroup) ?? quotaV1(cgroup) ?? Infinity;
  return Math.max(1, Math.min(scheduler, Math.floor(quota)));
}

function quotaV2(cgroup: string): number | undefined {
  const [quota, period] = (readText(join(cgroup, "cpu.max")) ?? "").split(" ");
  return ratio(quota, period);
}

function quotaV1(cgroup: string): number | undefined {
  return ratio(
    readText(join(cgroup, "cpu", "cpu.cfs_quota_us")),
    readText(join(cgroup, "cpu", "cpu.cfs_period_us")),
  );
}

/** Undefined for `max`, `-1` and whatever is no pair of positive numbers: no quota. */
function ratio(quota: string | undefined, period: string | undefined): number | undefined {
  const cores = Number(quota) / Number(period);
  return cores > 0 && Number.isFinite(cores) ? cores : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
