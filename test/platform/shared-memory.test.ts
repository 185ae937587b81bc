import assert from "node:assert/strict";
import { test } from "node:test";
import { createManualClock } from "../support/clock.ts";
import {
  connections,
  createSharedMemory,
  deadlineTicks,
  draining,
  heartbeat,
  nextSpawn,
  ticksNow,
} from "../../src/platform/shared-memory.ts";

function memory(httpThreads = 3) {
  const clock = createManualClock();
  return { clock, shared: createSharedMemory({ httpThreads, authCacheSlots: 100, clock }) };
}

test("a thread that gets the memory by structured clone shares every word of it", () => {
  const { shared } = memory();
  const other = structuredClone(shared);
  heartbeat(shared, "main").beat();
  heartbeat(other, "main").beat();
  heartbeat(other, 2).beat();
  assert.equal(heartbeat(other, "main").read(), 2);
  assert.equal(heartbeat(shared, 2).read(), 1);
  assert.equal(heartbeat(shared, 1).read(), 0);
  assert.deepEqual(other.hashKey, shared.hashKey);
  assert.equal(draining(other).isDraining(), false);
  draining(shared).begin();
  assert.equal(draining(other).isDraining(), true);
});

test("open connections are counted per thread, and their mean is that of all threads", () => {
  const { shared } = memory();
  connections(shared, 0).add(5);
  connections(shared, 1).add(3);
  connections(shared, 1).add(-1);
  assert.equal(connections(shared, 1).read(), 2);
  assert.equal(connections(shared, 2).mean(), 7 / 3);
  connections(shared, 0).reset();
  assert.equal(connections(shared, 2).mean(), 2 / 3);
  assert.equal(heartbeat(shared, 0).read(), 0);
});

test("a slot that is none is refused", () => {
  const { shared } = memory();
  for (const slot of [-1, 3, 0.5, NaN]) {
    assert.throws(() => heartbeat(shared, slot), RangeError);
    assert.throws(() => connections(shared, slot), RangeError);
  }
});

test("a spawn number is given once", () => {
  const { shared } = memory();
  const other = structuredClone(shared);
  assert.deepEqual([nextSpawn(shared), nextSpawn(other), nextSpawn(shared)], [1, 2, 3]);
});

test("ticks are 1/32 s: now is rounded up, deadlines down", () => {
  const { shared, clock } = memory();
  assert.equal(ticksNow(shared, clock), 0);
  clock.advanceMs(1);
  assert.equal(ticksNow(shared, clock), 1);
  assert.equal(deadlineTicks(shared, clock.monotonicMs()), 0);
  clock.advanceMs(30.25);
  assert.equal(ticksNow(shared, clock), 1);
  clock.advanceMs(0.5);
  assert.equal(ticksNow(shared, clock), 2);
  assert.equal(deadlineTicks(shared, clock.monotonicMs()), 1);
  clock.advanceMs(1_000);
  assert.equal(deadlineTicks(shared, clock.monotonicMs()), 33);
});

test("the claims table is there for two threads and more, in a power of two of slots", () => {
  assert.equal(memory(1).shared.claims, undefined);
  const { shared } = memory(2);
  assert.equal(shared.claims?.byteLength, 128 * 1_024);
  assert.equal(createSharedMemory({ httpThreads: 2, authCacheSlots: 1 }).claims?.byteLength, 4_096);
});

test("the key of the hashes is another one in every process", () => {
  assert.notDeepEqual(memory().shared.hashKey, memory().shared.hashKey);
});
