import type { Metrics } from "../../platform/metrics.ts";

/** Why a session ended; `sessions.end_reason`, and a label of the metrics. */
export const END_REASONS = [
  "logout",
  "session.end",
  "admin",
  "evicted",
  "account_disabled",
  "account_deleted",
  "password_change",
  "password_demanded",
  "factor_change",
  "tokens_revoked",
  "network_changed",
  "refresh_reuse",
  "refresh_ahead",
] as const;
export type EndReason = (typeof END_REASONS)[number];

export interface SessionMetrics {
  opened(): void;
  ended(reason: EndReason, count: number): void;
}

/** The counters of opened and ended sessions. The same metrics give the same counters. */
export function createSessionMetrics(metrics: Metrics): SessionMetrics {
  const opened = metrics.counter("brigade_sessions_opened_total", "Sessions opened");
  const counter = (reason: EndReason) =>
    metrics.counter("brigade_sessions_ended_total", "Sessions ended before their time", { reason });
  // All of them now: main learns once which series a thread has.
  const ended = new Map(END_REASONS.map((reason) => [reason, counter(reason)]));
  return {
    opened: () => opened.add(),
    ended: (reason, count) => ended.get(reason)!.add(count),
  };
}
