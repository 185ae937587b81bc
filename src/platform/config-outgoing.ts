import type { EnvironmentReader } from "./environment.ts";

/** Services outside, and how long one that fails is left alone. */
export function readOutgoing(reader: EnvironmentReader) {
  const redisUrl = reader.given("REDIS_URL");
  const isRedis =
    redisUrl === undefined ||
    (URL.canParse(redisUrl) && ["redis:", "rediss:"].includes(new URL(redisUrl).protocol));
  if (!isRedis) reader.fault("REDIS_URL must be a URL that begins with redis:// or rediss://");
  return {
    redisUrl,
    breakerFailures: reader.integer("BREAKER_FAILURES", { min: 1, max: 1_000 }),
    breakerResetSeconds: reader.integer("BREAKER_RESET_SECONDS", { min: 1, max: 3_600 }),
  };
}
