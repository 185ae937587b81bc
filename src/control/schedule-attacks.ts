import { removeIdleDevices } from "../auth/risk/store-devices.ts";
import { removeIdleAttempts } from "../auth/throttle/store-attempts.ts";
import { removeIdleBudgets } from "../auth/throttle/store.ts";
import { jobLimits } from "../platform/limits.ts";
import type { Job } from "./jobs.ts";

/** What attacks leave behind. */
export const ATTACK_JOBS: readonly Job[] = Object.freeze([
  { name: "remove idle budgets", everyMs: jobLimits.expiredMs, run: removeIdleBudgets },
  { name: "remove idle attempts", everyMs: jobLimits.expiredMs, run: removeIdleAttempts },
  { name: "remove idle devices", everyMs: jobLimits.expiredMs, run: removeIdleDevices },
]);
