import type { Metrics } from "../platform/metrics.ts";
import type { Database } from "../platform/postgres.ts";
import type { BlockOf } from "./network/blocks.ts";
import type { CountryOf } from "./network/country.ts";
import { createNetworkGate } from "./network/rules.ts";
import type { LoginGate } from "./session/login-gate.ts";
import type { PolicyOf } from "./tenants/policies.ts";
import { createLoginAttempts, type LoginAttempts } from "./throttle/login-attempts.ts";
import type { LoginLimits } from "./throttle/store-attempts.ts";
import { createThrottle, type Throttle, type ThrottleSizes } from "./throttle/throttle.ts";

export interface DefenceOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  readonly policyOf: PolicyOf;
  readonly countryOf: CountryOf;
  readonly blockOf: BlockOf;
  /** Other budgets, for tests. */
  readonly budgets?: ThrottleSizes;
  readonly loginLimits?: LoginLimits;
}

/** What stands between attackers and accounts. */
export interface Defence {
  readonly throttle: Throttle;
  readonly attempts: LoginAttempts;
  /** Asked between the right password and the session, before those of others. */
  readonly gates: readonly LoginGate[];
}

export function createDefence(options: DefenceOptions): Defence {
  const { database, metrics, blockOf, budgets, loginLimits } = options;
  return {
    throttle: createThrottle(database, metrics, { sizes: budgets, blockOf }),
    attempts: createLoginAttempts({
      ...options,
      limits: loginLimits,
      networkBudget: budgets?.loginNetwork,
    }),
    gates: [createNetworkGate(options)],
  };
}
