import { enableWhoseBanEnded } from "../auth/accounts/standing.ts";
import { createSealer } from "../auth/keys/sealer.ts";
import { removeExpiredOneTimeTokens } from "../auth/one-time/store.ts";
import { removeExpiredTrustedDevices } from "../auth/mfa/store-devices.ts";
import { removeExpiredWebauthnChallenges } from "../auth/mfa/store-passkeys.ts";
import { removeExpiredEnrolments } from "../auth/mfa/store-totp.ts";
import { remindOfExpiry } from "../auth/password/reminder.ts";
import { removeEndedKeys } from "../auth/api-keys/store.ts";
import { trimInvalidations } from "../auth/revocation/invalidation-log.ts";
import { removeExpiredGrants } from "../auth/oauth/store-grants.ts";
import { removeExpiredSessions } from "../auth/session/store-end.ts";
import { removeOldResponses } from "../contexts/client-onboarding/store-responses.ts";
import { ATTACK_JOBS } from "./schedule-attacks.ts";
import { createQueueMail } from "../platform/mail.ts";
import { giveUpStale, removeFinished } from "../platform/outbox-store.ts";
import { removeOldDecisions } from "../auth/audit/store-decisions.ts";
import { keepMonths } from "../auth/audit/months.ts";
import { sealEvents } from "../auth/audit/seal.ts";
import { removeOldKeys } from "../http/store-idempotency.ts";
import {
  accountLimits,
  auditLimits,
  decisionLimits,
  jobLimits,
  typeformLimits,
} from "../platform/limits.ts";
import type { Job } from "./jobs.ts";
import { retellTypeform } from "./typeform-delivery.ts";

/** What has to be done now and then, by whichever process takes the turn. */
export const SCHEDULED_JOBS: readonly Job[] = Object.freeze<Job[]>([
  { name: "trim the invalidation log", everyMs: jobLimits.trimLogMs, run: trimInvalidations },
  { name: "remove expired sessions", everyMs: jobLimits.expiredMs, run: removeExpiredSessions },
  { name: "remove expired grants", everyMs: jobLimits.expiredMs, run: removeExpiredGrants },
  { name: "remove ended API keys", everyMs: jobLimits.expiredMs, run: removeEndedKeys },
  ...ATTACK_JOBS,
  {
    name: "remove expired passkey challenges",
    everyMs: jobLimits.expiredMs,
    run: removeExpiredWebauthnChallenges,
  },
  {
    name: "remove expired TOTP enrolments",
    everyMs: jobLimits.expiredMs,
    run: removeExpiredEnrolments,
  },
  {
    name: "remove expired trusted devices",
    everyMs: jobLimits.expiredMs,
    run: removeExpiredTrustedDevices,
  },
  {
    name: "remove expired one-time tokens",
    everyMs: jobLimits.expiredMs,
    run: removeExpiredOneTimeTokens,
  },
  {
    name: "end bans that are over",
    everyMs: accountLimits.reactivateEveryMs,
    run: enableWhoseBanEnded,
  },
  {
    name: "remind of passwords that expire",
    everyMs: jobLimits.reminderMs,
    run: (database, config) =>
      remindOfExpiry({ database, config, queueMail: createQueueMail(createSealer(config)) }),
  },
  { name: "remove old idempotency keys", everyMs: jobLimits.expiredMs, run: removeOldKeys },
  { name: "give up effects that waited too long", everyMs: jobLimits.expiredMs, run: giveUpStale },
  { name: "remove finished effects", everyMs: jobLimits.expiredMs, run: removeFinished },
  {
    name: "seal the audit log",
    everyMs: auditLimits.sealEveryMs,
    quiet: true,
    run: sealEvents,
  },
  {
    name: "remove old decisions",
    everyMs: decisionLimits.cleanEveryMs,
    run: removeOldDecisions,
  },
  {
    name: "remove old answers to onboarding forms",
    everyMs: jobLimits.expiredMs,
    run: removeOldResponses,
  },
  {
    name: "tell TypeForm of the present secret and keys",
    everyMs: typeformLimits.retellEveryMs,
    run: retellTypeform,
  },
  {
    name: "keep the months of the audit log",
    everyMs: auditLimits.monthsEveryMs,
    run: async (database, config) => {
      await keepMonths(database, config.auditRetentionMonths);
      // Everything was done in one turn: it is not asked again.
      return 0;
    },
  },
]);
