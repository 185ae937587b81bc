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
  /** Asks for everything now. Never rejects: the last numbers stay. */
  sample(): Promise<void>;
  stop(): void;
}

/**
 * What only the database knows, asked by main now and then and not when somebody scrapes: counts of
 * whole tables more seldom than the rest.
 */
export function startGauges({ database, metrics, log }: GaugesOptions): Gauges {
  const last = { sessions: 0, tokens: 0, unsealed: 0 };
  metrics.gauge("brigade_sessions_live", "Live sessions of all tenants", () => last.sessions);
  metrics.gauge("brigade_tokens_revoked", "Rows of revoked tokens", () => last.tokens);
  metrics.gauge(
    "brigade_audit_unsealed_seconds",
    "How long the oldest event without a seal has waited for one",
    () => last.unsealed,
  );
  const asking = (ask: () => Promise<Partial<typeof last>>) => async () => {
    try {
      Object.assign(last, await ask());
    } catch (error) {
      log.debug({ event: "gauges_not_sampled", err: error });
    }
  };
  const count = asking(async () => {
    const [sessions, tokens] = await Promise.all([
      countLiveSessions(database),
      countAllRevokedTokens(database),
    ]);
    return { sessions, tokens };
  });
  const measure = asking(async () => ({ unsealed: await sealDelaySeconds(database) }));
  const sample = async () => void (await Promise.all([count(), measure()]));
  const timers = [
    setInterval(count, gaugeLimits.countMs),
    setInterval(measure, gaugeLimits.sampleMs),
  ];
  for (const timer of timers) timer.unref();
  void sample();
  return { sample, stop: () => timers.forEach((timer) => clearInterval(timer)) };
}
