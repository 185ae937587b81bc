import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Redis as Client } from "ioredis";
import { createRateLimiter } from "../../src/http/rate-limit.ts";
import { createSharedRates } from "../../src/http/shared-rates.ts";
import { breakersInUse } from "../../src/platform/breaker.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { createRedis } from "../../src/platform/redis.ts";
import { createSharedMemory } from "../../src/platform/shared-memory.ts";
import { silentLog } from "../support/log.ts";
import { hasRedis, startRedis, type TestRedis } from "../support/redis.ts";

const skip = hasRedis ? false : "redis-server is not installed";
let redis: TestRedis;
before(async () => {
  if (hasRedis) redis = await startRedis();
});
after(() => redis?.stop());

const LIMIT = { count: 20, seconds: 3_600 };
const opened: { close(): void }[] = [];
after(() => opened.forEach((one) => one.close()));

/** What one process has: cells of its own, a hash of its own, and a way to Redis. */
function openProcess(url = redis.url) {
  const shared = createSharedMemory({ httpThreads: 1, authCacheSlots: 64 });
  const metrics = createMetrics();
  const port = createRedis({ url, log: silentLog, metrics });
  const breaker = [...breakersInUse()].at(-1)!;
  const rates = createSharedRates(port);
  const own = createRateLimiter({ shared, clock: systemClock, limit: LIMIT });
  opened.push(rates, port);
  const { take, give } = rates.share(own, LIMIT, "test");
  return { ...rates, take, give, metrics, breaker };
}

test("one limit holds over two processes that tell each other", { skip }, async () => {
  const [one, two] = [openProcess(), openProcess()];
  let allowed = 0;
  for (let turn = 0; turn < 40; turn++) {
    const process = turn % 2 === 0 ? one : two;
    if (process.take("somebody").allowed) allowed += 1;
    await process.exchange();
  }
  // A process hears of the others when it tells of a request of its own: one each is too many.
  assert.ok(allowed >= 20 && allowed <= 22, `${allowed}`);
  assert.equal(one.take("somebody else").allowed, true);
});

test("what is given back is taken from nobody, before or after it was told", { skip }, async () => {
  const [one, two] = [openProcess(), openProcess()];
  for (let turn = 0; turn < 50; turn++) {
    assert.equal(one.take("proved").allowed, true);
    if (turn % 2 === 0) await one.exchange();
    one.give("proved");
    await one.exchange();
  }
  // The other one hears of nothing but its own.
  for (let turn = 0; turn < 20; turn++) {
    assert.equal(two.take("proved").allowed, true, String(turn));
    await two.exchange();
  }
  assert.equal(two.take("proved").allowed, false);
});

test("a process alone with Redis counts as one without", { skip }, async () => {
  const process = openProcess();
  for (let turn = 0; turn < 20; turn++) {
    const { allowed, remaining } = process.take("alone");
    assert.deepEqual([allowed, remaining], [true, 19 - turn]);
    await process.exchange();
  }
  assert.equal(process.take("alone").allowed, false);
});

test(
  "nonsense, a lost memory and a replica that takes no writes change no answer",
  { skip },
  async () => {
    const process = openProcess();
    const hand = new Client(redis.url);
    const taken = async () => {
      const { allowed } = process.take("victim");
      await process.exchange();
      return allowed;
    };
    assert.equal(await taken(), true);
    const [name] = (await hand.keys("brigade:rate:test:*")).slice(-1);
    assert.ok(!(await hand.keys("*")).some((key) => key.includes("victim")), "nobody is named");
    const nonsense = [
      () => hand.flushall(),
      async () => {
        await hand.del(name!);
        await hand.lpush(name!, "a", "list");
      },
      () => hand.set(name!, "no number"),
      () => hand.set(name!, "-1e300"),
      () => hand.config("SET", "maxmemory", "1"),
      () => hand.replicaof("127.0.0.1", 1),
    ];
    for (const act of nonsense) {
      await act();
      assert.equal(await taken(), true);
    }
    await hand.replicaof("NO", "ONE");
    await hand.config("SET", "maxmemory", "0");
    let more = 0;
    while (process.take("victim").allowed) more += 1;
    assert.equal(more, 20 - 1 - nonsense.length, "its own cells counted every request");
    hand.disconnect();
  },
);

test(
  "a counter far in the future refuses nobody for longer than the window",
  { skip },
  async () => {
    const process = openProcess();
    const hand = new Client(redis.url);
    await hand.flushall();
    process.take("future");
    await process.exchange();
    // What another test's limiter tells in the meantime has a counter too.
    const keys = await hand.keys("brigade:rate:test:*");
    assert.ok(keys.length >= 1);
    for (const key of keys) await hand.set(key, "9e15");
    process.take("future");
    await process.exchange();
    const refused = process.take("future");
    assert.equal(refused.allowed, false);
    assert.ok(refused.retryAfterSeconds <= LIMIT.seconds);
    hand.disconnect();
  },
);

test(
  "a stopped and a hanging Redis make no request wait, and are left alone",
  { skip },
  async () => {
    const other = await startRedis();
    const process = openProcess(other.url);
    assert.equal(process.take("x").allowed, true);
    await process.exchange();
    other.process.kill("SIGSTOP");
    for (let turn = 0; turn < 3; turn++) {
      assert.equal(process.take("x").allowed, true);
      await process.exchange();
    }
    await other.stop();
    for (let turn = 0; turn < 6; turn++) {
      assert.equal(process.take("x").allowed, true);
      await process.exchange();
    }
    // The breaker is open: nobody is asked any more.
    const before = process.breaker.stats();
    assert.equal(before.state, "OPEN");
    for (let turn = 0; turn < 10; turn++) {
      process.take("x");
      await process.exchange();
    }
    assert.deepEqual(process.breaker.stats(), { ...before, refusals: before.refusals + 10 });
    assert.equal(process.take("x").allowed, false, "21 of 20");
  },
);
