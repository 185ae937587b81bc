import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRateLimiter, type RateLimit } from "../../src/http/rate-limit.ts";
import { createManualClock } from "../support/clock.ts";
import { rateCellLimits } from "../../src/platform/limits.ts";
import { createSharedMemory } from "../../src/platform/shared-memory.ts";
import { interleave } from "../auth/cache/interleave.ts";
import { testSeed, testSize } from "../support/size.ts";

const MINUTE: RateLimit = { count: 600, seconds: 60 };

function memory(rateCells = 1_024) {
  const clock = createManualClock();
  return {
    clock,
    shared: createSharedMemory({ httpThreads: 2, authCacheSlots: 4, rateCells, clock }),
  };
}

function setUp(limit = MINUTE, rateCells?: number) {
  const { clock, shared } = memory(rateCells);
  const open = () => createRateLimiter({ shared: structuredClone(shared), limit, clock });
  return { clock, shared, open, limiter: open() };
}

/** Takes until it is refused, at most `most` times. */
function takeAll(
  limiter: ReturnType<typeof createRateLimiter>,
  key: string,
  most = 10_000,
): number {
  for (let taken = 0; taken < most; taken++) if (!limiter.take(key).allowed) return taken;
  return most;
}

for (const [name, limit] of Object.entries({
  "600/minute": MINUTE,
  "50/second": { count: 50, seconds: 1 },
  "1000/second": { count: 1_000, seconds: 1 },
  "1/hour": { count: 1, seconds: 3_600 },
  "7/hour": { count: 7, seconds: 3_600 },
})) {
  for (const place of ["shared cells", "the thread alone"]) {
    test(`${name} in ${place}: a full burst, then the steady rate, then a full burst`, () => {
      const { shared, clock } = memory();
      const limiter = createRateLimiter({
        shared: place === "shared cells" ? shared : undefined,
        limit,
        clock,
      });
      clock.advanceMs(12_345);
      assert.equal(takeAll(limiter, "ana"), limit.count);
      clock.advanceMs(limit.seconds * 1_000 * 1.01);
      assert.equal(takeAll(limiter, "ana"), limit.count);
      // Half a window later, half of it is there again.
      clock.advanceMs(limit.seconds * 500);
      const half = takeAll(limiter, "ana");
      assert.ok(Math.abs(half - limit.count / 2) <= 0.01 * limit.count + 1, `${half}`);
    });
  }
}

test("what a caller is told: limit, what remains, when all is back, when to come again", () => {
  const { limiter, clock } = setUp({ count: 3, seconds: 30 });
  const verdicts = [1, 2, 3, 4].map(() => limiter.take("ana"));
  assert.deepEqual(verdicts[0], {
    allowed: true,
    limit: 3,
    remaining: 2,
    resetSeconds: 10,
    retryAfterSeconds: 0,
  });
  assert.deepEqual(
    verdicts.map(({ allowed, remaining, resetSeconds }) => [allowed, remaining, resetSeconds]),
    [
      [true, 2, 10],
      [true, 1, 20],
      [true, 0, 30],
      [false, 0, 30],
    ],
  );
  assert.equal(verdicts[3]!.retryAfterSeconds, 10);
  // Whoever waits as long as told is served.
  clock.advanceMs(9_000);
  assert.equal(limiter.take("ana").retryAfterSeconds, 1);
  clock.advanceMs(1_000);
  assert.ok(limiter.take("ana").allowed);
});

test("a refused request charges nothing", () => {
  const { limiter, clock } = setUp({ count: 2, seconds: 2 });
  takeAll(limiter, "ana");
  for (let attempt = 0; attempt < 100; attempt++) assert.ok(!limiter.take("ana").allowed);
  clock.advanceMs(1_000);
  assert.ok(limiter.take("ana").allowed);
});

test("a cost counts as that many requests; more than the limit never fits", () => {
  const { limiter } = setUp({ count: 10, seconds: 10 });
  assert.equal(limiter.take("ana", 7).remaining, 3);
  assert.equal(limiter.take("ana", 4).allowed, false);
  assert.equal(limiter.take("ana", 3).allowed, true);
  assert.equal(limiter.take("bo", 11).allowed, false);
});

test("threads count together; callers apart", () => {
  const { open } = setUp();
  const [one, two] = [open(), open()];
  for (let request = 0; request < 300; request++) {
    assert.ok(one.take("ana").allowed && two.take("ana").allowed);
  }
  assert.ok(!one.take("ana").allowed);
  assert.ok(!two.take("ana").allowed);
  assert.equal(two.take("bo").remaining, 599);
});

test("a caller without a free cell is counted by its thread, and nobody else is charged", () => {
  // One bucket of four cells.
  const { limiter, clock, shared } = setUp({ count: 5, seconds: 60 }, 4);
  const callers = Array.from({ length: 12 }, (_, index) => `caller-${index}`);
  for (const caller of callers) assert.equal(takeAll(limiter, caller), 5, caller);
  for (const caller of callers) assert.ok(!limiter.take(caller).allowed, caller);
  assert.equal(limiter.stats().localEntries, 8);
  assert.ok(limiter.stats().fallbacks >= 8);
  const cells = new BigInt64Array(shared.rates);
  assert.equal(new Set(cells).size, 4);
  // The cells of the first four are past: others may have them.
  clock.advanceMs(61_000);
  for (const caller of callers.slice(4, 8)) assert.equal(takeAll(limiter, caller), 5);
  assert.equal(limiter.stats().localEntries, 8);
});

test("whoever is counted by a thread gets no second burst from a cell that comes free", () => {
  const { limiter, clock } = setUp({ count: 4, seconds: 60 }, 4);
  for (const caller of ["a", "b", "c", "d"]) limiter.take(caller);
  clock.advanceMs(14_000);
  assert.equal(takeAll(limiter, "late"), 4);
  // The four cells are past now, the late caller's own time is not.
  clock.advanceMs(2_000);
  assert.ok(!limiter.take("late").allowed);
});

test("a thread's own callers are bounded", () => {
  const clock = createManualClock();
  const limiter = createRateLimiter({ limit: MINUTE, clock });
  const most = rateCellLimits.localEntriesMax;
  for (let caller = 0; caller < most + 100; caller++) limiter.take(`caller-${caller}`);
  assert.equal(limiter.stats().localEntries, most);
  clock.advanceMs(61_000);
  limiter.take("after");
  assert.equal(limiter.stats().localEntries, 1);
});

test("a cell that another thread takes first is not charged", () => {
  const { open, shared } = setUp({ count: 5, seconds: 60 }, 4);
  const [one, two] = [open(), open()];
  for (const at of [0, 1, 2, 3, 4]) {
    new BigInt64Array(shared.rates).fill(0n);
    interleave(
      "load",
      at + 1,
      () => two.take("other", 3),
      () => one.take("mine", 2),
    );
    assert.equal(one.take("other").remaining, 1, `load ${at}: the other one has its own count`);
    assert.equal(two.take("mine").remaining, 2, `load ${at}: and so have I`);
  }
  new BigInt64Array(shared.rates).fill(0n);
  interleave(
    "compareExchange",
    0,
    () => two.take("other", 3),
    () => one.take("mine", 2),
  );
  assert.equal(one.take("other").remaining, 1);
  assert.equal(two.take("mine").remaining, 2);
  new BigInt64Array(shared.rates).fill(0n);
  interleave(
    "compareExchange",
    0,
    () => two.take("mine", 3),
    () => one.take("mine", 1),
  );
  assert.equal(one.take("mine").remaining, 0, "no count of one caller is lost");
});

test("times that come round after 18 hours hold nobody back", () => {
  for (const hours of [1, 9, 17.6, 18, 18.2, 18.5, 36, 500]) {
    const { limiter, clock } = setUp({ count: 2, seconds: 3_600 }, 16);
    for (const caller of ["a", "b", "c", "d"]) takeAll(limiter, caller);
    clock.advanceMs(hours * 3_600_000 + 60_000);
    for (const caller of ["a", "b", "c", "d"])
      assert.equal(takeAll(limiter, caller), 2, `${hours} h`);
  }
});

test("a sweep keeps every count that is not past", () => {
  const { limiter, clock, shared } = setUp({ count: 2, seconds: 7_200 }, 16);
  takeAll(limiter, "ana");
  clock.advanceMs(3_600_000 - 1_000);
  limiter.take("bo");
  // The hour is over: this one sweeps.
  clock.advanceMs(2_000);
  limiter.take("cy");
  assert.ok(limiter.take("ana").allowed, "an hour gave one of two back");
  assert.ok(!limiter.take("ana").allowed);
  assert.ok([...new BigInt64Array(shared.rates)].filter((cell) => cell !== 0n).length === 3);
});

test("limits that the cells cannot hold are refused", () => {
  const { clock } = memory();
  for (const limit of [
    { count: 0, seconds: 60 },
    { count: 1, seconds: 0 },
    { count: 1, seconds: rateCellLimits.windowSecondsMax + 1 },
  ]) {
    assert.throws(() => createRateLimiter({ limit, clock }), RangeError);
  }
});

test("never more than the limit in any window, whatever the timing, the callers and the threads", () => {
  const seed = testSeed();
  const limit = { count: 5, seconds: 10 };
  const step = fc.record({
    caller: fc.nat(5),
    thread: fc.nat(1),
    waitMs: fc.oneof(fc.constant(0), fc.nat(4_000)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      // Room for all: a caller in a full bucket is counted once per thread.
      const { clock, open } = setUp(limit, 4_096);
      const threads = [open(), open()];
      const taken = new Map<number, number[]>();
      for (const { caller, thread, waitMs } of steps) {
        clock.advanceMs(waitMs);
        const verdict = threads[thread]!.take(`caller-${caller}`);
        const times = taken.get(caller) ?? [];
        taken.set(caller, times);
        // GCRA with a full window of tolerance: at most 2 × count in one window, count at once.
        const now = clock.monotonicMs();
        const model = gcra(times, limit, now);
        assert.equal(verdict.allowed, model);
        if (verdict.allowed) times.push(now);
      }
    }),
    { seed, numRuns: testSize(200, 5_000) },
  );
});

/** The definition, from the whole history: the virtual queue has room for one more. */
function gcra(times: readonly number[], { count, seconds }: RateLimit, now: number): boolean {
  const interval = (seconds * 1_000) / count;
  let arrival = 0;
  for (const time of times) arrival = Math.max(arrival, time) + interval;
  return Math.max(arrival, now) + interval - now <= seconds * 1_000 + 1e-3;
}

for (const place of ["shared cells", "the thread alone"]) {
  test(`what is given back may be taken again, and never more than that, in ${place}`, () => {
    const { shared, clock } = memory();
    const limiter = createRateLimiter({
      shared: place === "shared cells" ? shared : undefined,
      limit: { count: 3, seconds: 30 },
      clock,
    });
    for (let turn = 0; turn < 50; turn++) {
      assert.equal(limiter.take("ana").allowed, true);
      limiter.give("ana");
    }
    assert.equal(takeAll(limiter, "ana"), 3);
    limiter.give("ana");
    assert.equal(takeAll(limiter, "ana"), 1);
    for (let turn = 0; turn < 5; turn++) limiter.give("ana");
    limiter.give("nobody");
    assert.deepEqual([takeAll(limiter, "ana"), takeAll(limiter, "nobody")], [3, 3]);
    // However much is given back that nobody took, it does not come round to the future.
    clock.advanceMs(60_000);
    for (let turn = 0; turn < 4_000; turn++) limiter.give("ana");
    assert.equal(takeAll(limiter, "ana"), 3);
  });
}
