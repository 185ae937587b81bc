import { removeExpiredOneTimeTokens } from "../auth/one-time/store.ts";
import { trimInvalidations } from "../auth/revocation/invalidation-log.ts";
import { removeExpiredSessions } from "../auth/session/store.ts";
import { removeIdleBudgets } from "../auth/throttle/store.ts";
import { jobLimits } from "../platform/limits.ts";
import type { Job } from "./jobs.ts";

/** What has to be done now and then, by whichever process takes the turn. */
export const SCHEDULED_JOBS: readonly Job[] = Object.freeze([
  { name: "trim the invalidation log", everyMs: jobLimits.trimLogMs, run: trimInvalidations },
  { name: "remove expired sessions", everyMs: jobLimits.expiredMs, run: removeExpiredSessions },
  { name: "remove idle budgets", everyMs: jobLimits.expiredMs, run: removeIdleBudgets },
  {
    name: "remove expired one-time tokens",
    everyMs: jobLimits.expiredMs,
    run: removeExpiredOneTimeTokens,
  },
]);
