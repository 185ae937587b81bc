import type { Redis as Client } from "ioredis";
import { createBreaker } from "./breaker.ts";
import { systemClock } from "./clock.ts";
import { redisLimits as limits } from "./limits.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/**
 * Redis as one thread sees it: scripts, behind a circuit breaker. It holds nothing that an answer
 * may depend on but the precision of request rates: losing it, or everything in it, is no failure
 * of a request.
 */
export interface Redis {
  /** Runs a script. Rejects at once when Redis is away. */
  run(
    script: string,
    keys: readonly string[],
    values: readonly (string | number)[],
  ): Promise<unknown>;
  close(): void;
}

export interface RedisOptions {
  /** May hold a password: never logged. */
  readonly url: string;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The library is loaded, and the connection opened, with the first script. */
export function createRedis({ url, log, metrics }: RedisOptions): Redis {
  const seconds = metrics.histogram("brigade_redis_operation_seconds", "Scripts run in Redis");
  const failures = metrics.counter(
    "brigade_redis_failures_total",
    "Scripts that Redis did not answer, or was not asked for because it is away",
  );
  const breaker = createBreaker("redis", {
    timeoutMs: 0,
    onStateChange: (state) => log.warn({ state }, "the breaker of Redis changed"),
  });
  let connecting: Promise<Client> | undefined;
  let isClosed = false;

  async function connected(): Promise<Client> {
    const client = await (connecting ??= load(url));
    // Connects again by itself; only the very first time it must be told to.
    if (client.status === "wait") await client.connect();
    return client;
  }

  return {
    async run(script, keys, values) {
      const begunMs = systemClock.monotonicMs();
      try {
        return await breaker.run(async () => {
          if (isClosed) throw new Error("closed");
          return (await connected()).eval(script, keys.length, ...keys, ...values);
        });
      } catch (error) {
        failures.add();
        throw error;
      } finally {
        seconds.observe((systemClock.monotonicMs() - begunMs) / 1000);
      }
    },
    close() {
      isClosed = true;
      breaker.close();
      void connecting?.then((client) => client.disconnect()).catch(() => {});
    },
  };
}

async function load(url: string): Promise<Client> {
  const { Redis } = await import("ioredis");
  const client = new Redis(url, {
    lazyConnect: true,
    // What waits for a connection would come late, and all at once.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: limits.connectTimeoutMs,
    commandTimeout: limits.commandTimeoutMs,
    retryStrategy: (times) => Math.min(times * limits.reconnectPauseMs, limits.reconnectPauseMaxMs),
  });
  // Each failure is told to who asked; without a listener it would end the thread.
  client.on("error", () => {});
  return client;
}
