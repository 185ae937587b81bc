import type { AlertsOptions } from "../auth/alerts/alerts.ts";
import { createAlerts } from "../auth/alerts/alerts.ts";
import { createLockNotices } from "../auth/alerts/lock-notices.ts";
import { removeOldWindows } from "../auth/alerts/store.ts";
import type { Invalidate } from "../auth/index.ts";
import type { CountryOf } from "../auth/network/country.ts";
import { removeEndedBlocks } from "../auth/network/store-blocks.ts";
import { createCorrelation } from "../auth/risk/correlation.ts";
import { removeIdleDevices } from "../auth/risk/store-devices.ts";
import { removeOldIncidents } from "../auth/risk/store-incidents.ts";
import { removeIdleAttempts } from "../auth/throttle/store-attempts.ts";
import { removeIdleBudgets } from "../auth/throttle/store.ts";
import type { Config } from "../platform/config.ts";
import { jobLimits, riskLimits } from "../platform/limits.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Database } from "../platform/postgres.ts";
import type { Job } from "./jobs.ts";

const { expiredMs } = jobLimits;

/** Removes what attacks leave behind. */
export const ATTACK_JOBS: readonly Job[] = Object.freeze([
  { name: "remove idle budgets", everyMs: expiredMs, run: removeIdleBudgets },
  { name: "remove idle attempts", everyMs: expiredMs, run: removeIdleAttempts },
  { name: "remove idle devices", everyMs: expiredMs, run: removeIdleDevices },
  { name: "remove ended network blocks", everyMs: expiredMs, run: removeEndedBlocks },
  { name: "remove old alert windows", everyMs: expiredMs, run: removeOldWindows },
  { name: "remove old incidents", everyMs: expiredMs, run: removeOldIncidents },
]);

export interface WatchOptions extends AlertsOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  readonly invalidate: Invalidate;
  readonly config: Config;
  readonly countryOf: CountryOf;
}

/** Looks out for attacks and tells of them, by whichever process takes the turn. */
export function createWatchJobs(options: WatchOptions): Job[] {
  const watch = { ...options, alerts: createAlerts(options) };
  const correlate = createCorrelation(watch);
  const tellOwners = createLockNotices(watch);
  return [
    {
      name: "correlate security events",
      everyMs: riskLimits.correlateEveryMs,
      run: correlate,
      quiet: true,
    },
    {
      name: "tell owners of locks",
      everyMs: riskLimits.tellLocksEveryMs,
      run: tellOwners,
      quiet: true,
    },
  ];
}
