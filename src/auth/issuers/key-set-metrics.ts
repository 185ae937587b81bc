import type { Metrics } from "../../platform/metrics.ts";
import { FETCH_REASONS, type KeySet } from "./key-set.ts";

/** Shows the keys of one issuer on main's board. */
export function showKeySet(metrics: Metrics, set: Pick<KeySet, "issuer" | "state">): void {
  const { issuer } = set;
  metrics.gauge(
    "brigade_issuer_keys",
    "Keys of foreign issuers that count now",
    () => {
      const { isUsable, kids } = set.state();
      return isUsable ? kids.length : 0;
    },
    { issuer },
  );
  metrics.gauge(
    "brigade_issuer_keys_age_seconds",
    "How long ago a foreign issuer last confirmed its keys; -1: never",
    () => {
      const { ageMs } = set.state();
      return ageMs === undefined ? -1 : ageMs / 1000;
    },
    { issuer },
  );
  for (const [outcome, instant] of [
    ["ok", "fetchedAtMs"],
    ["failed", "failedAtMs"],
  ] as const) {
    metrics.gauge(
      "brigade_issuer_keys_fetched_seconds",
      "When keys of a foreign issuer were last asked for with this outcome, Unix time; 0: never",
      () => (set.state()[instant] ?? 0) / 1000,
      { issuer, outcome },
    );
    for (const reason of FETCH_REASONS) {
      metrics.counter("brigade_issuer_key_fetches_total", "Questions for keys of foreign issuers", {
        issuer,
        reason,
        outcome,
      });
    }
  }
}
