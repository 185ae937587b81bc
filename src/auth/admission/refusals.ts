import { httpErrors } from "../../http/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { platformErrors, type Rejection } from "../../platform/errors.ts";
import { admissionLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Counter, Metrics } from "../../platform/metrics.ts";
import { authErrors } from "../errors.ts";
import { TOKEN_FAULTS } from "../token/fault.ts";
import { tokenLabel } from "../token/digest.ts";

/** Why a token is refused: what is wrong with its text, or the rest. For log and metrics. */
const REASONS = [
  ...TOKEN_FAULTS,
  "api_key_text",
  "api_key_unknown",
  "api_key_secret",
  "api_key_ended",
  "refresh_token",
  "issuer",
  "key",
  "signature",
  "session_ended",
  "session_of_another",
  "token_revoked",
  "account_disabled",
  "tenant",
] as const;
export type RefusalReason = (typeof REASONS)[number];

// One answer for every reason, made once: refusing costs no allocation.
const invalid = new Map<RefusalReason, Rejection>(
  REASONS.map((note) => [note, authErrors.rejection("token_invalid", { note })]),
);
const RETRY_SOON = { "retry-after": String(admissionLimits.retryAfterSeconds) };

export const TOKEN_EXPIRED = authErrors.rejection("token_expired");
/** Operators, or what we saw ourselves, shut the network out. */
export const NETWORK_BLOCKED = authErrors.rejection("network_blocked", { note: "blocked network" });
export const PRINCIPAL_UNKNOWN = authErrors.rejection("principal_unknown");
/** The look-ups cannot be done now: never an answer about the token itself. */
export const LOOK_UPS_AWAY = platformErrors.rejection("unavailable", {
  note: "sessions and roles cannot be read",
  headers: RETRY_SOON,
});
/** No key set of the issuer counts now: nobody can say whether the token is good. */
export const KEYS_AWAY = platformErrors.rejection("unavailable", {
  note: "the keys of the issuer are not known",
  headers: RETRY_SOON,
});
/** Every flight was overtaken by a revocation. */
export const OVERTAKEN = platformErrors.rejection("unavailable", {
  note: "revocations overtook the look-ups",
  headers: RETRY_SOON,
});
export const VERIFIER_BUSY = platformErrors.rejection("overloaded", {
  note: "signatures cannot be verified",
  headers: RETRY_SOON,
});

const REFUSAL_CODES = [
  "token_invalid",
  "token_expired",
  "principal_unknown",
  "network_blocked",
  "unavailable",
  "overloaded",
  "rate_limited",
] as const;

/** The constant refusal; the reason is for the log. */
export function tokenInvalid(reason: RefusalReason): Rejection {
  return invalid.get(reason)!;
}

export function tooManyBadSignatures(retryAfterSeconds: number): Rejection {
  return httpErrors.rejection("rate_limited", {
    note: "bad signatures",
    headers: { "retry-after": String(retryAfterSeconds) },
  });
}

export function tooManyGuesses(retryAfterSeconds: number): Rejection {
  return httpErrors.rejection("rate_limited", {
    note: "unknown API keys",
    headers: { "retry-after": String(retryAfterSeconds) },
  });
}

/** What is known of a refused token. */
export interface RefusedToken {
  readonly token: string;
  readonly address: string;
  readonly issuer?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly apiKeyId?: string | undefined;
}

export interface RefusalLog {
  /** Counts and logs the refusal, and returns it. */
  refuse(rejection: Rejection, refused: RefusedToken): Rejection;
}

/**
 * Counts every refusal, and logs them up to a number a second: whoever floods us with garbage must
 * not fill the disk. Of a token only the first digits of its digest are shown.
 */
export function createRefusalLog(metrics: Metrics, log: Logger, clock: Clock): RefusalLog {
  // All of them now: main learns once which series a thread has.
  const counters = new Map<string, Counter>(
    REFUSAL_CODES.map((code) => [
      code,
      metrics.counter("brigade_auth_rejections_total", "Refused tokens", { code }),
    ]),
  );
  let secondBegan = 0;
  let lines = 0;
  let suppressed = 0;

  return {
    refuse(rejection, { token, address, issuer, sessionId, apiKeyId }) {
      counters.get(rejection.code)!.add();
      const second = clock.nowSeconds();
      if (second !== secondBegan) {
        if (suppressed > 0) log.warn({ event: "refusals_not_logged", count: suppressed });
        secondBegan = second;
        lines = 0;
        suppressed = 0;
      }
      if (lines++ >= admissionLimits.refusalLinesPerSecondMax) {
        suppressed++;
        return rejection;
      }
      const level = rejection.status >= 500 ? "warn" : "info";
      log[level](
        {
          event: "token_refused",
          error_code: rejection.code,
          reason: rejection.note,
          token_digest: tokenLabel(token),
          address,
          issuer,
          session_id: sessionId,
          api_key_id: apiKeyId,
        },
        "token refused",
      );
      return rejection;
    },
  };
}
