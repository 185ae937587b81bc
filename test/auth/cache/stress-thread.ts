import { parentPort, workerData } from "node:worker_threads";
import { createClaimsTable } from "../../../src/auth/cache/claims-table.ts";
import { createGenerations } from "../../../src/auth/cache/generations.ts";
import { digestOf, entryOf } from "./fixtures.ts";
import { interleave } from "./interleave.ts";
import { NOW_SECONDS } from "./guards.ts";
import {
  KEYS,
  RESULTS,
  STRESS_WORDS,
  type StressData,
  type StressPayload,
  type StressResult,
} from "./stress-data.ts";

/*
 * One thread of the stress test. `record` is the database: the version of every key. `finished` is
 * what callers know: the version whose invalidation has returned. A look-up that starts after that
 * may find this version or a newer one, never an older one.
 */
const { shared, truth, results, spawn, operations, seed, diesWriting } = workerData as StressData;
const generations = createGenerations(shared);
const table = createClaimsTable({ shared, generations, owner: spawn });
const words = new Int32Array(truth);
const record = words.subarray(STRESS_WORDS.record, STRESS_WORDS.record + KEYS);
const finished = words.subarray(STRESS_WORDS.finished, STRESS_WORDS.finished + KEYS);

/** Mulberry32. */
let state = seed;
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}

const result = Object.fromEntries(RESULTS.map((field) => [field, 0])) as StressResult;

function fault(text: string): void {
  result.faults++;
  if (result.faults < 5) parentPort?.postMessage(text);
}

function invalidate(key: number): void {
  const version = Atomics.add(record, key, 1) + 1;
  generations.bump({ kind: "session", id: `session-${key}` });
  // Several may run at once: the highest that returned counts.
  for (;;) {
    const before = Atomics.load(finished, key);
    if (before >= version) break;
    if (Atomics.compareExchange(finished, key, before, version) === before) break;
  }
  result.invalidations++;
}

/** Captures, then does the slow work, then fills: the version may be old by then. */
function fill(key: number): void {
  const entry = entryOf(generations, key, undefined);
  const version = Atomics.load(record, key);
  for (let pause = random(3) === 0 ? random(2_000) : 0; pause > 0; pause--) {
    Atomics.load(record, key);
  }
  const marks = Array.from({ length: 1 + random(90) }, () => version);
  const payload: StressPayload = { key, version, marks };
  const outcome = table.put(digestOf(key, key & 15), { ...entry, payload }, NOW_SECONDS, version);
  if (outcome === "contended") result.contended++;
  else result.fills++;
}

function look(key: number): void {
  const floor = Atomics.load(finished, key);
  const found = table.get(digestOf(key, key & 15), NOW_SECONDS, 0);
  if (found === undefined) {
    result.misses++;
    return;
  }
  const payload = found.payload as StressPayload;
  if (payload.key !== key) fault(`key ${key} found ${payload.key}`);
  if (payload.marks.some((mark) => mark !== payload.version)) fault(`key ${key} is torn`);
  if (!found.isCurrent) {
    result.claimsOnly++;
    return;
  }
  result.hits++;
  if (payload.version < floor) {
    fault(`key ${key}: version ${payload.version} after ${floor} had returned`);
  }
}

// All begin together: main says when.
Atomics.wait(words, STRESS_WORDS.go, 0);

for (let operation = 0; operation < operations; operation++) {
  // Few keys take most of the traffic, as in life.
  const key = random(2) === 0 ? random(4) : random(KEYS);
  const choice = random(20);
  if (choice === 0) invalidate(key);
  else if (choice < 6) fill(key);
  else look(key);
}
new Int32Array(results).set(RESULTS.map((field) => result[field]));
// A fill may be dropped before it writes: the next one is tried, until one dies inside a write.
for (let attempts = diesWriting ? 1_000 : 0; attempts > 0; attempts--) {
  interleave(
    "store",
    2 + random(10),
    () => process.exit(0),
    () => fill(random(KEYS)),
  );
}
