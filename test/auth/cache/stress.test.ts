import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { createClaimsTable } from "../../../src/auth/cache/claims-table.ts";
import { createTableUpkeep } from "../../../src/auth/cache/table-upkeep.ts";
import { nextSpawn } from "../../../src/platform/shared-memory.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { digestOf, entryOf, tinyMemory, type SharedWithTable } from "./fixtures.ts";
import { NOW_SECONDS } from "./guards.ts";
import {
  KEYS,
  RESULTS,
  SLOTS,
  STRESS_WORDS,
  type StressData,
  type StressResult,
} from "./stress-data.ts";
import { scriptUrl } from "../../support/built.ts";

const BOOT = new URL("./thread.mjs", import.meta.url);
const ENTRY = scriptUrl("test/auth/cache/stress-thread.ts").href;
const THREADS = 3;

function words(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);
}

/** Starts one thread; resolves when it is gone, with what it counted. */
function startThread(data: Omit<StressData, "entry" | "results">, said: string[]) {
  const results = words(RESULTS.length);
  const workerData: StressData = { ...data, entry: ENTRY, results };
  const file = ENTRY.endsWith(".ts") ? BOOT : new URL(ENTRY);
  const worker = new Worker(file, { workerData, execArgv: [] });
  worker.on("message", (text: string) => said.push(text));
  return new Promise<StressResult>((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", () => {
      const counts = new Int32Array(results);
      const entries = RESULTS.map((field, index) => [field, counts[index]!]);
      resolve(Object.fromEntries(entries) as StressResult);
    });
  });
}

/** Some threads at once on one small table; some of them end inside a write. */
async function run(
  shared: SharedWithTable,
  truth: SharedArrayBuffer,
  round: { seed: number; operations: number; dying: number },
) {
  const said: string[] = [];
  const spawns: number[] = [];
  const threads = Array.from({ length: THREADS }, (_, index) => {
    const spawn = nextSpawn(shared);
    spawns.push(spawn);
    const { operations, dying } = round;
    const seed = round.seed + spawn * 1_000_003;
    const diesWriting = index < dying;
    return startThread({ shared, truth, spawn, operations, seed, diesWriting }, said);
  });
  const control = new Int32Array(truth);
  Atomics.store(control, STRESS_WORDS.go, 1);
  Atomics.notify(control, STRESS_WORDS.go);
  const results = await Promise.all(threads);
  const total = Object.fromEntries(
    RESULTS.map((field) => [field, results.reduce((sum, result) => sum + result[field], 0)]),
  ) as StressResult;
  return { total, said, dead: spawns.slice(0, round.dying) };
}

test("threads that fill, look up and invalidate at once never see a torn, foreign or stale value", async (t) => {
  const { shared } = tinyMemory({ slots: SLOTS });
  const seed = testSeed();
  const operations = testSize(300_000, 100_000_000);
  const { total, said } = await run(shared, words(STRESS_WORDS.size), {
    seed,
    operations,
    dying: 0,
  });
  t.diagnostic(`seed ${seed}: ${JSON.stringify(total)}`);
  assert.deepEqual(said, []);
  assert.equal(total.faults, 0);
  // The run means something: there was something to tear and something to be stale.
  assert.ok(total.hits > operations / 10, `${total.hits} hits`);
  assert.ok(total.claimsOnly > 0 && total.invalidations > operations / 20);
});

test("threads that die inside a write lose no slot once main has freed what they held", async (t) => {
  const { shared, generations, clock } = tinyMemory({ slots: SLOTS });
  const truth = words(STRESS_WORDS.size);
  const upkeep = createTableUpkeep({ shared, clock });
  const seed = testSeed();
  const rounds = testSize(2, 100);
  const operations = testSize(20_000, 50_000);
  for (let round = 0; round < rounds; round++) {
    const { total, said, dead } = await run(shared, truth, { seed, operations, dying: 2 });
    t.diagnostic(`seed ${seed}, round ${round}: ${JSON.stringify(total)}`);
    assert.deepEqual(said, []);
    assert.equal(total.faults, 0);
    for (const spawn of dead) {
      assert.equal(upkeep.freeOwnedBy(spawn), 1, `thread ${spawn} died inside a write`);
      assert.equal(upkeep.freeOwnedBy(spawn), 0);
    }
  }
  // Every slot can be filled again.
  const table = createClaimsTable({ shared, generations, owner: 1_000 });
  for (let key = 0; key < 16 * SLOTS; key++) {
    const digest = digestOf(key, key % (SLOTS / 4));
    table.put(digest, entryOf(generations, key, key), NOW_SECONDS, KEYS + key);
  }
  assert.deepEqual(upkeep.stats(), { slotCount: SLOTS, live: SLOTS });
});
