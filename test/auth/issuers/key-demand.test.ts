import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AbsentKids } from "../../../src/auth/issuers/absent-kids.ts";
import { KeyDemand } from "../../../src/auth/issuers/key-demand.ts";
import { keySetLimits } from "../../../src/platform/limits.ts";
import { createManualTimers } from "../../support/manual-timers.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { good, hasKey, later, openGoodSet, openKeySet, WINDOW_MS } from "./key-set-rig.ts";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A demand whose issuer answers when the test says so. */
function openDemand() {
  const timers = createManualTimers();
  const published = new Set<string>();
  const known = new Set<string>();
  const begunMs: number[] = [];
  let inTheAir = 0;
  let answer = () => {};
  const demand = new KeyDemand({
    clock: timers.clock,
    after: timers.after,
    has: (kid) => known.has(kid),
    ask: async () => {
      begunMs.push(timers.clock.monotonicMs());
      assert.equal(++inTheAir, 1, "one question at a time");
      // What the issuer publishes while its answer is on the way is not in it.
      const said = [...published];
      await new Promise<void>((resolve) => (answer = resolve));
      for (const kid of said) known.add(kid);
      inTheAir--;
    },
  });
  const land = async () => {
    answer();
    await settled();
  };
  return { demand, timers, published, known, begunMs, land, isAsking: () => inTheAir === 1 };
}

const step = fc.oneof(
  fc.record({ do: fc.constant("want" as const), kid: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ do: fc.constant("flood" as const), count: fc.integer({ min: 1, max: 400 }) }),
  fc.record({ do: fc.constant("publish" as const), kid: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 2_500 }) }),
  fc.record({ do: fc.constant("land" as const) }),
);

test("however names are asked for, the issuer is asked once a window and one at a time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const { demand, timers, published, begunMs, land, isAsking } = openDemand();
      let forged = 0;
      for (const one of steps) {
        if (one.do === "want") void demand.want(`kid-${one.kid}`);
        if (one.do === "flood") {
          for (let n = 0; n < one.count; n++) void demand.want(`forged-${forged++}`);
        }
        if (one.do === "publish") published.add(`kid-${one.kid}`);
        if (one.do === "wait") timers.advanceMs(one.ms);
        if (one.do === "land" && isAsking()) await land();
        assert.ok(demand.waiters() <= keySetLimits.waitersMax);
      }
      for (const [at, atMs] of begunMs.entries()) {
        if (at > 0) assert.ok(atMs - begunMs[at - 1]! >= WINDOW_MS, "a window apart");
      }
    }),
    { numRuns: testSize(200, 5_000), seed: testSeed() },
  );
});

test("a key is found within a window and a fetch of its publication, whatever came before", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { demand, timers, published, known, land, isAsking } = openDemand();
      let forged = 0;
      const flood = (count: number) => {
        for (let n = 0; n < count; n++) void demand.want(`forged-${forged++}`);
      };
      for (const one of steps) {
        if (one.do === "want") void demand.want(`kid-${one.kid}`);
        if (one.do === "flood") flood(one.count);
        if (one.do === "wait") timers.advanceMs(one.ms);
        if (one.do === "land" && isAsking()) await land();
      }
      if (isAsking()) await land();
      published.add("really new");
      // Nobody who has the key gives up, and the flood does not end either.
      for (let ms = 0; ms < WINDOW_MS; ms += 100) {
        flood(200);
        void demand.want("really new");
        if (isAsking()) break;
        timers.advanceMs(100);
      }
      await land();
      assert.ok(known.has("really new"));
    }),
    { numRuns: testSize(200, 5_000), seed: testSeed() },
  );
});

test("everybody who waits is told by one answer, and a name that it lacks is refused at once", async () => {
  const { demand, timers, begunMs, land } = openDemand();
  let told = 0;
  for (const kid of ["a", "a", "b", "c"]) void demand.want(kid)?.then(() => told++);
  assert.equal(demand.waiters(), 4);
  await land();
  assert.equal(told, 4);
  assert.equal(begunMs.length, 1);
  assert.equal(demand.want("a"), undefined);
  timers.advanceMs(WINDOW_MS - 1);
  assert.equal(demand.want("a"), undefined);
  timers.advanceMs(1);
  assert.notEqual(demand.want("a"), undefined);
  assert.equal(begunMs.length, 2);
});

test("more than the bound of waiters are refused at once", async () => {
  const { demand } = openDemand();
  const { waitersMax } = keySetLimits;
  for (let n = 0; n < waitersMax; n++) assert.notEqual(demand.want(`kid-${n}`), undefined);
  assert.equal(demand.want("one more"), undefined);
});

test("names that are absent are remembered to a bound, the oldest is forgotten", () => {
  const { clock } = createManualTimers();
  const absent = new AbsentKids(clock);
  const { absentKidsMax } = keySetLimits;
  const untilMs = clock.monotonicMs() + WINDOW_MS;
  for (let n = 0; n <= absentKidsMax; n++) absent.add(`kid-${n}`, untilMs);
  assert.equal(absent.size, absentKidsMax);
  assert.ok(!absent.has("kid-0") && absent.has("kid-1") && absent.has(`kid-${absentKidsMax}`));
  clock.advanceMs(WINDOW_MS);
  assert.ok(!absent.has("kid-1"));
});

test("10 000 forged names cause one question a window, and a new key is found meanwhile", async (t) => {
  const { server, set, timers } = await openGoodSet(t);
  const before = server.counts.keys;
  const windows = 10;
  let publishedIn = 0;
  let foundIn = 0;
  for (let window = 1; window <= windows; window++) {
    if (window === 5) {
      server.publish(good.jwk, later.jwk);
      publishedIn = window;
    }
    const waits: Promise<void>[] = [];
    for (let n = 0; n < 1_000; n++) waits.push(set.want(`forged-${window}-${n}`) ?? settled());
    if (foundIn === 0) waits.push(set.want(later.kid) ?? settled());
    assert.ok(hasKey(set), "a known key waits for nobody");
    timers.advanceMs(WINDOW_MS);
    await Promise.all(waits);
    if (foundIn === 0 && hasKey(set, later)) foundIn = window;
  }
  const asked = server.counts.keys - before;
  assert.ok(asked <= windows, `${asked} questions`);
  assert.equal(foundIn, publishedIn);
});

test("no flood changes the rhythm of the background", async (t) => {
  const { server, set, timers, fetches } = await openGoodSet(t);
  const { refreshMs, retryMs, retryMaxMs, jitterShare } = keySetLimits;
  const isAbout = (ms: number) => {
    const [pause] = timers.pauses().filter((pauseMs) => pauseMs > WINDOW_MS / 2);
    assert.ok(Math.abs(pause! - ms) <= ms * jitterShare, `${pause} is about ${ms}`);
    return pause!;
  };
  const turns = async (count: number) => {
    while (fetches.filter(({ reason }) => reason === "background").length < count) await settled();
    await settled();
  };
  set.start();
  await turns(1);
  let pause = isAbout(refreshMs);
  server.be("fails");
  for (let n = 0; n < 5; n++) {
    await set.want(`forged-${n}`);
    timers.advanceMs(WINDOW_MS);
  }
  pause -= 5 * WINDOW_MS;
  assert.ok(Math.abs(timers.pauses()[0]! - pause) < 1e-6, "the pause goes on");
  timers.advanceMs(pause);
  for (let failures = 1; failures <= 9; failures++) {
    await turns(1 + failures);
    pause = isAbout(Math.min(retryMaxMs, retryMs * 2 ** (failures - 1)));
    if (failures === 9) server.be("good");
    timers.advanceMs(pause);
  }
  await turns(11);
  isAbout(refreshMs);
});

test("an issuer whose keys do not count is asked every few seconds", async (t) => {
  const { server, set, timers, fetches } = await openKeySet(t);
  const { retryMs, retryUnusableMaxMs, jitterShare } = keySetLimits;
  server.be("fails");
  set.start();
  for (let failures = 1; failures <= 6; failures++) {
    while (fetches.length < failures) await settled();
    await settled();
    const [pause] = timers.pauses();
    const evenMs = Math.min(retryUnusableMaxMs, retryMs * 2 ** (failures - 1));
    assert.ok(Math.abs(pause! - evenMs) <= evenMs * jitterShare, `${pause} is about ${evenMs}`);
    timers.advanceMs(pause!);
  }
});

test("nothing is asked, and nobody waits, after the end", async (t) => {
  const { server, set, timers } = await openGoodSet(t);
  await set.want("one");
  const waiting = set.want("two");
  const asked = server.counts.keys;
  set.stop();
  await waiting;
  assert.equal(set.want("three"), undefined);
  timers.advanceMs(10 * WINDOW_MS);
  await settled();
  assert.equal(server.counts.keys, asked);
});
