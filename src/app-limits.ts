import type { AppPorts } from "./app.ts";
import { createChargeKey } from "./auth/api-keys/charges.ts";
import { createKeyUsage } from "./auth/api-keys/usage.ts";
import type { AdmissionOptions } from "./http/admission.ts";
import { createRateLimiter, type RateLimit } from "./http/rate-limit.ts";
import { createSharedRates } from "./http/shared-rates.ts";
import { appLimits } from "./platform/limits.ts";
import { createRedis } from "./platform/redis.ts";

type LimitPorts = Pick<AppPorts, "config" | "log" | "clock" | "metrics" | "database" | "shared">;

/** Everything that counts requests in one thread. */
export interface Limits {
  readonly admission: Pick<AdmissionOptions, "rateLimit" | "addressLimit" | "chargeKey">;
  /** Writes down what was only counted so far. */
  close(): Promise<void>;
}

export function openLimits(ports: LimitPorts): Limits {
  const { config, shared, clock } = ports;
  const sharedRates = openSharedRates(ports);
  const usage = createKeyUsage(ports);
  const limiterOf = (limit: RateLimit, name: string) => {
    const limiter = createRateLimiter({ shared, clock, limit });
    return sharedRates?.share(limiter, limit, name) ?? limiter;
  };
  const { count, seconds } = config.rateLimit;
  const common = config.rateLimitEnabled && {
    rateLimit: limiterOf({ count, seconds }, "caller"),
    // Many callers share an address, and each of their tokens is new to us only once.
    addressLimit: limiterOf({ count: count * appLimits.addressBudgetFactor, seconds }, "newcomer"),
  };
  return {
    admission: { ...common, chargeKey: createChargeKey({ ...ports, sharedRates, usage }) },
    async close() {
      sharedRates?.close();
      await usage.close();
    },
  };
}

/** Undefined without `REDIS_URL`: each process counts for itself. */
function openSharedRates({ config, log, metrics }: LimitPorts) {
  if (config.redisUrl === undefined) return undefined;
  const redis = createRedis({ url: config.redisUrl, log, metrics });
  const rates = createSharedRates(redis);
  return {
    ...rates,
    close() {
      rates.close();
      redis.close();
    },
  };
}
