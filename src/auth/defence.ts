import type { Clock } from "../platform/clock.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Database } from "../platform/postgres.ts";
import { createAlerts, type Alerts, type AlertsOptions } from "./alerts/alerts.ts";
import type { BlockOf } from "./network/blocks.ts";
import type { CountryOf } from "./network/country.ts";
import { createNetworkGate } from "./network/rules.ts";
import { createRisk, type Risk } from "./risk/risk.ts";
import type { LoginGate } from "./session/login-gate.ts";
import type { PolicyOf } from "./tenants/policies.ts";
import { createLoginAttempts, type LoginAttempts } from "./throttle/login-attempts.ts";
import type { LoginLimits } from "./throttle/store-attempts.ts";
import { createThrottle, type Throttle, type ThrottleSizes } from "./throttle/throttle.ts";

export interface DefenceOptions extends AlertsOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly policyOf: PolicyOf;
  readonly countryOf: CountryOf;
  readonly blockOf: BlockOf;
  /** Other budgets, for tests. */
  readonly budgets?: ThrottleSizes;
  readonly loginLimits?: LoginLimits;
}

/** What stands between attackers and accounts. */
export interface Defence {
  readonly alerts: Alerts;
  readonly throttle: Throttle;
  readonly attempts: LoginAttempts;
  /** Asked between the right password and the session, before those of others. */
  readonly gates: readonly LoginGate[];
  /** Told of each login that is let in. */
  readonly learn: Risk["learn"];
}

export function createDefence(options: DefenceOptions): Defence {
  const { database, metrics, blockOf, budgets, loginLimits } = options;
  const alerts = createAlerts(options);
  const risk = createRisk({ ...options, alerts });
  return {
    alerts,
    throttle: createThrottle(database, metrics, { sizes: budgets, blockOf }),
    attempts: createLoginAttempts({
      ...options,
      limits: loginLimits,
      networkBudget: budgets?.loginNetwork,
    }),
    gates: [createNetworkGate(options), risk.gate],
    learn: risk.learn,
  };
}
