import { sealDelaySeconds } from "../auth/audit/store-seals.ts";
import { countAllRevokedTokens } from "../auth/revocation/tokens-store.ts";
import { countLiveSessions } from "../auth/session/store.ts";
import { gaugeLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Database } from "../platform/postgres.ts";

export interface GaugesOptions {
  readonly database: Pick<Database, "read">;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export interface Gauges {
  /** Counts now. Never rejects: the last numbers stay. */
  sample(): Promise<void>;
  stop(): void;
}

/** What only the database knows, counted by main now and then and not when somebody asks. */
export function startGauges({ database, metrics, log }: GaugesOptions): Gauges {
  const last = { sessions: 0, tokens: 0, unsealed: 0 };
  metrics.gauge("brigade_sessions_live", "Live sessions of all tenants", () => last.sessions);
  metrics.gauge("brigade_tokens_revoked", "Rows of revoked tokens", () => last.tokens);
  metrics.gauge(
    "brigade_audit_unsealed_seconds",
    "How long the oldest event without a seal has waited for one",
    () => last.unsealed,
  );
  async function sample(): Promise<void> {
    try {
      const [sessions, tokens, unsealed] = await Promise.all([
        countLiveSessions(database),
        countAllRevokedTokens(database),
        sealDelaySeconds(database),
      ]);
      Object.assign(last, { sessions, tokens, unsealed });
    } catch (error) {
      log.debug({ event: "gauges_not_sampled", err: error });
    }
  }
  const timer = setInterval(sample, gaugeLimits.sampleMs);
  timer.unref();
  void sample();
  return { sample, stop: () => clearInterval(timer) };
}
