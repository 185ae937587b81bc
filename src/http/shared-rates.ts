import { createHash } from "node:crypto";
import { redisLimits } from "../platform/limits.ts";
import type { Redis } from "../platform/redis.ts";
import type { RateLimit, RateLimiter } from "./rate-limit.ts";

/*
 * Request rates over all processes. A request is counted in its own process first and never waits:
 * a few times a second each thread adds what it let through to counters in Redis, and raises its
 * own cells to what they say. So a caller is let through by its limit and what came to the other
 * processes in the meantime. Without Redis each process counts for itself, as with no `REDIS_URL`.
 *
 * A counter is GCRA as in the cells: the moment, on the clock of Redis, at which the budget is
 * whole again. Whatever else may be found under its name counts as nothing.
 */
const ADD = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ahead = {}
for i, key in ipairs(KEYS) do
  local window = tonumber(ARGV[2 * i])
  local found = redis.pcall('GET', key)
  if type(found) == 'table' then redis.call('DEL', key) end
  local arrival = type(found) == 'string' and tonumber(found) or now
  arrival = math.max(arrival, now) + tonumber(ARGV[2 * i - 1])
  arrival = math.max(now, math.min(arrival, now + window))
  redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000) + 1000)
  ahead[i] = arrival - now
end
return ahead`;

export interface SharedRates {
  /** The limiter, with its counts told to the other processes under this name. */
  share(limiter: RateLimiter, limit: RateLimit, name: string): RateLimiter;
  /** Tells and asks now; resolves when it is done, whatever came of it. */
  exchange(): Promise<void>;
  close(): void;
}

interface Shared {
  readonly limiter: RateLimiter;
  readonly limit: RateLimit;
  readonly name: string;
  /** Requests by caller since they were told last. */
  counts: Map<string, number>;
}

interface Told {
  readonly limiter: RateLimiter;
  readonly caller: string;
  readonly key: string;
  readonly costUs: number;
  readonly windowUs: number;
}

export function createSharedRates(redis: Redis): SharedRates {
  /** Limiters that counted something since the last exchange. */
  let active = new Set<Shared>();
  let exchanging: Promise<void> | undefined;

  async function exchangeAll(): Promise<void> {
    const told = [...active].flatMap(takeCounts);
    active = new Set();
    if (told.length === 0) return;
    try {
      for (let at = 0; at < told.length; at += redisLimits.sharedBatchMax) {
        await exchangeBatch(redis, told.slice(at, at + redisLimits.sharedBatchMax));
      }
    } catch {
      // Counted and told of by who asks Redis. Our own cells hold what was not told.
    }
  }

  const exchange = () => (exchanging ??= exchangeAll().finally(() => (exchanging = undefined)));
  const timer = setInterval(() => void exchange(), redisLimits.shareEveryMs);
  timer.unref();

  return {
    share(limiter, limit, name) {
      const shared: Shared = { limiter, limit, name, counts: new Map() };
      return {
        ...limiter,
        take(key, cost = 1) {
          const verdict = limiter.take(key, cost);
          if (verdict.allowed) {
            if (shared.counts.size === 0) active.add(shared);
            note(shared.counts, key, cost);
          }
          return verdict;
        },
        give(key) {
          limiter.give(key);
          if (shared.counts.size === 0) active.add(shared);
          note(shared.counts, key, -1);
        },
      };
    },
    exchange,
    close: () => clearInterval(timer),
  };
}

function note(counts: Map<string, number>, key: string, cost: number): void {
  const known = counts.get(key);
  if (known === undefined && counts.size >= redisLimits.sharedCallersMax) return;
  counts.set(key, (known ?? 0) + cost);
}

function takeCounts(shared: Shared): Told[] {
  const { limiter, name, counts, limit } = shared;
  shared.counts = new Map();
  const unitUs = (limit.seconds * 1e6) / limit.count;
  // What was taken and given back is nothing to tell of.
  const told = [...counts].filter(([, count]) => count !== 0);
  return told.map(([caller, count]) => ({
    limiter,
    caller,
    key: `brigade:rate:${name}:${digestOf(caller)}`,
    costUs: Math.round(count * unitUs),
    windowUs: limit.seconds * 1e6,
  }));
}

async function exchangeBatch(redis: Redis, told: readonly Told[]): Promise<void> {
  const values = told.flatMap(({ costUs, windowUs }) => [costUs, windowUs]);
  const ahead = await redis.run(
    ADD,
    told.map(({ key }) => key),
    values,
  );
  if (!Array.isArray(ahead)) return;
  for (const [at, { limiter, caller }] of told.entries()) {
    const aheadUs = Number(ahead[at]);
    if (aheadUs > 0) limiter.raise(caller, aheadUs / 1e6);
  }
}

/** Callers are told apart, not named: an address is somebody's own affair. */
function digestOf(caller: string): string {
  return createHash("sha256").update(caller).digest("base64url").slice(0, 22);
}
