import type { ChargeKey } from "../../http/admission.ts";
import { httpErrors } from "../../http/errors.ts";
import type { Principal } from "../../http/principal.ts";
import { createRateLimiter, type RateLimit, type RateLimiter } from "../../http/rate-limit.ts";
import type { SharedRates } from "../../http/shared-rates.ts";
import type { Clock } from "../../platform/clock.ts";
import { apiKeyLimits } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { SharedMemory } from "../../platform/shared-memory.ts";
import { authErrors } from "../errors.ts";
import { coarseNetworkOf } from "../throttle/network.ts";
import type { KeyUsage, KeyUse } from "./usage.ts";

export interface KeyChargesOptions {
  readonly usage: KeyUsage;
  /** Rate cells of the process; without it each sandbox counts for itself. */
  readonly shared?: SharedMemory | undefined;
  /** Tells other processes what keys were let through. */
  readonly sharedRates?: Pick<SharedRates, "share"> | undefined;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** What is worked out once for a principal that many requests share. */
interface Charged {
  readonly use: KeyUse;
  readonly rateKey: string;
  readonly limiter: RateLimiter | undefined;
}

/**
 * Charges a request to the key that came with it: first its own rate, in the cells that all threads
 * of the process share, then its quota. Nothing waits and nothing is written.
 */
export function createChargeKey(options: KeyChargesOptions): ChargeKey {
  const { usage, metrics } = options;
  const limiterOf = createLimiters(options);
  const charged = new WeakMap<Principal, Charged>();
  const refusals = (limit: string) =>
    metrics.counter("brigade_api_key_refusals_total", "Requests that a key's own limits refused", {
      limit,
    });
  const [overRate, overQuota] = [refusals("rate"), refusals("quota")];

  function chargedOf(principal: Principal): Charged {
    let known = charged.get(principal);
    if (known === undefined) {
      const terms = principal.apiKey!;
      known = {
        use: usage.of(terms),
        rateKey: `api_key:${terms.id}`,
        limiter: terms.rate && limiterOf(terms.rate),
      };
      charged.set(principal, known);
    }
    return known;
  }

  return (principal, exchange) => {
    const { use, rateKey, limiter } = chargedOf(principal);
    exchange.rate = undefined;
    if (limiter !== undefined) {
      const standing = limiter.take(rateKey);
      exchange.rate = standing;
      if (!standing.allowed) {
        overRate.add();
        return httpErrors.rejection("rate_limited", retryAfter(standing.retryAfterSeconds));
      }
    }
    if (usage.count(use, () => coarseNetworkOf(exchange.address))) return undefined;
    overQuota.add();
    return authErrors.rejection("quota_exceeded", retryAfter(usage.secondsLeft(use)));
  };
}

function retryAfter(seconds: number) {
  return { headers: { "retry-after": String(Math.max(1, seconds)) } };
}

/** One limiter for each limit that keys have; the cells tell their keys apart. */
function createLimiters({ shared, clock, sharedRates }: KeyChargesOptions) {
  const limiters = new Map<string, RateLimiter>();
  return (limit: RateLimit): RateLimiter => {
    const name = `${limit.count}/${limit.seconds}`;
    let limiter = limiters.get(name);
    if (limiter === undefined) {
      const [oldest] = limiters.keys();
      if (oldest !== undefined && limiters.size >= apiKeyLimits.limitersMax) {
        limiters.delete(oldest);
      }
      const own = createRateLimiter({ shared, clock, limit });
      limiter = sharedRates?.share(own, limit, `key:${name}`) ?? own;
      limiters.set(name, limiter);
    }
    return limiter;
  };
}
