import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createDocumentCache } from "../../../src/auth/cache/document-cache.ts";
import { createLease } from "../../../src/auth/cache/lease.ts";
import type { InvalidationKey } from "../../../src/auth/index.ts";
import { documentCacheLimits } from "../../../src/platform/limits.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { renderPrometheus } from "../../../src/platform/metrics-text.ts";
import { tinyMemory } from "./fixtures.ts";

const TTL_MS = documentCacheLimits.ttlSeconds * 1000;

/** One kind of documents; what is stored is `rows`, and `hold()` keeps answers that were read. */
function setUp(
  options: { documentsMax?: number; dependsOn?: readonly InvalidationKey[]; leaseMs?: number } = {},
) {
  const { clock, shared, generations } = tinyMemory();
  const lease = createLease(shared, clock);
  const renew = () =>
    lease.grant(clock.monotonicMs(), clock.nowMs(), options.leaseMs ?? 10 * TTL_MS);
  renew();
  const metrics = createMetrics();
  const rows: Record<string, string> = {};
  const loaded: string[] = [];
  let held: Promise<void> | undefined;
  let failure: Error | undefined;
  const { dependsOn = [{ kind: "roles" }], documentsMax } = options;
  const documents = createDocumentCache({
    generations,
    lease,
    clock,
    metrics,
    ...(documentsMax === undefined ? {} : { documentsMax }),
  }).open({
    name: "words",
    dependsOn,
    async load(key) {
      loaded.push(key);
      const document = { text: rows[key] };
      await held;
      if (failure !== undefined) throw failure;
      return document;
    },
  });
  return {
    clock,
    generations,
    lease,
    renew,
    rows,
    loaded,
    documents,
    text: async (key: string) => (await documents.get(key)).text,
    fail: (error: Error | undefined) => (failure = error),
    hold() {
      let release = () => {};
      held = new Promise<void>((resolve) => (release = resolve));
      return () => {
        held = undefined;
        release();
      };
    },
    metric(name: string): number {
      metrics.refresh();
      const text = renderPrometheus([{ layout: metrics.layout(), block: metrics.block }]);
      const line = text
        .split("\n")
        .find((found) => found.startsWith(`brigade_document_cache_${name} `));
      return Number(line?.split(" ").at(-1));
    },
  };
}

test("a document is loaded once, handed out as the same value, and counted", async () => {
  const { documents, loaded, rows, metric } = setUp();
  rows["a"] = "one";
  const first = documents.get("a");
  assert.ok(first instanceof Promise, "it has to be loaded");
  const document = await first;
  assert.equal(document.text, "one");
  assert.equal(documents.get("a"), document, "a value, the same one");
  assert.deepEqual(loaded, ["a"]);
  assert.equal(metric('lookups_total{document="words",result="hit"}'), 1);
  assert.equal(metric('lookups_total{document="words",result="miss"}'), 1);
  assert.equal(metric('entries{document="words"}'), 1);
});

for (const bumped of [{ kind: "roles" }, { kind: "global" }] as const) {
  test(`a bump of the ${bumped.kind} word ends every copy`, async () => {
    const { generations, rows, text } = setUp();
    rows["a"] = "old";
    assert.equal(await text("a"), "old");
    rows["a"] = "new";
    assert.equal(await text("a"), "old");
    generations.bump(bumped);
    assert.equal(await text("a"), "new");
  });
}

test("a document hears of the keys it named and of no others", async () => {
  const { generations, loaded, text } = setUp({ dependsOn: [{ kind: "tenant", id: "t" }] });
  await text("a");
  generations.bump({ kind: "roles" });
  generations.bump({ kind: "tenant", id: "another" });
  await text("a");
  assert.equal(loaded.length, 1);
  generations.bump({ kind: "tenant", id: "t" });
  await text("a");
  assert.equal(loaded.length, 2);
});

test("a change while a document is loaded keeps the old one out", async () => {
  // The stale fill: read before the commit, kept after the bump.
  const { generations, hold, rows, text } = setUp();
  rows["a"] = "old";
  const release = hold();
  const early = text("a");
  rows["a"] = "new";
  generations.bump({ kind: "roles" });
  release();
  assert.equal(await early, "old", "came before the change");
  assert.equal(await text("a"), "new");
});

test("whoever comes after a change does not join a flight from before it", async () => {
  const { generations, hold, loaded, rows, text } = setUp();
  rows["a"] = "old";
  const releaseEarly = hold();
  const early = text("a");
  rows["a"] = "new";
  generations.bump({ kind: "roles" });
  const releaseLate = hold();
  const late = text("a");
  releaseLate();
  assert.equal(await late, "new");
  // The flight that began first ends last: what it brings replaces nothing.
  releaseEarly();
  assert.equal(await early, "old");
  assert.equal(await text("a"), "new");
  assert.equal(loaded.length, 2);
});

test("an old flight that ends while a newer one is under way does not end it", async () => {
  const { generations, hold, loaded, rows, text, metric } = setUp();
  const releaseEarly = hold();
  const early = text("a");
  rows["a"] = "new";
  generations.bump({ kind: "roles" });
  const releaseLate = hold();
  const late = text("a");
  releaseEarly();
  await early;
  const joined = text("a");
  releaseLate();
  assert.deepEqual(await Promise.all([late, joined]), ["new", "new"]);
  assert.equal(loaded.length, 2);
  assert.equal(metric('lookups_total{document="words",result="joined"}'), 1);
});

test("one flight a key: many callers, one load", async () => {
  const { hold, loaded, text } = setUp();
  const release = hold();
  const asked = Array.from({ length: 100 }, (_, i) => text(i % 2 === 0 ? "a" : "b"));
  release();
  await Promise.all(asked);
  assert.deepEqual(loaded, ["a", "b"]);
});

test("a load that fails is told to all who wait and is tried again by the next", async () => {
  const { fail, rows, text } = setUp();
  rows["a"] = "one";
  fail(new Error("the database is away"));
  const outcomes = await Promise.allSettled([text("a"), text("a")]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  fail(undefined);
  assert.equal(await text("a"), "one");
});

test("without the lease nothing kept counts, and nobody joins", async () => {
  const { clock, hold, loaded, renew, rows, text } = setUp({ leaseMs: 4_500 });
  rows["a"] = "old";
  assert.equal(await text("a"), "old");
  clock.advanceMs(4_500);
  // Another process changed it; its bump does not reach us.
  const release = hold();
  const early = text("a");
  rows["a"] = "new";
  const late = text("a");
  release();
  assert.deepEqual(await Promise.all([early, late]), ["old", "new"]);
  assert.equal(loaded.length, 3);
  assert.equal(await text("a"), "new");
  assert.equal(loaded.length, 4);
  renew();
  assert.equal(await text("a"), "new");
  assert.equal(loaded.length, 4, "kept, and counts again");
});

test("a copy ends with its time on either clock", async () => {
  mock.timers.enable({ apis: ["Date"], now: 1_800_000_000_000 });
  try {
    const { clock, loaded, text } = setUp();
    await text("a");
    clock.advanceMs(TTL_MS - 1);
    await text("a");
    assert.equal(loaded.length, 1);
    // Setting the wall clock back, or leaving it where it was, lengthens no life.
    clock.advanceMs(1);
    await text("a");
    assert.equal(loaded.length, 2);
    mock.timers.setTime(1_800_000_000_000 + TTL_MS);
    await text("a");
    assert.equal(loaded.length, 2);
    mock.timers.setTime(1_800_000_000_001 + TTL_MS);
    await text("a");
    assert.equal(loaded.length, 3);
  } finally {
    mock.timers.reset();
  }
});

test("the time of a copy begins before its load", async () => {
  const { clock, hold, loaded, text } = setUp();
  const release = hold();
  const slow = text("a");
  clock.advanceMs(TTL_MS - 1);
  release();
  await slow;
  await text("a");
  assert.equal(loaded.length, 1);
  clock.advanceMs(1);
  await text("a");
  assert.equal(loaded.length, 2);
});

test("one document too many: all go, and it is counted", async () => {
  const { loaded, metric, generations, text } = setUp({ documentsMax: 3 });
  for (const key of ["a", "b", "c", "a"]) await text(key);
  assert.deepEqual(loaded, ["a", "b", "c"]);
  // A document that is loaded again takes no place.
  generations.bump({ kind: "roles" });
  for (const key of ["a", "b", "c"]) await text(key);
  assert.equal(metric('flushes_total{document="words"}'), 0);
  await text("d");
  assert.equal(metric('flushes_total{document="words"}'), 1);
  assert.equal(metric('entries{document="words"}'), 1);
  loaded.splice(0);
  for (const key of ["d", "a"]) await text(key);
  assert.deepEqual(loaded, ["a"]);
  for (let key = 0; key < 50; key++) await text(`${key}`);
  assert.ok(metric('entries{document="words"}') <= 3);
});

test("a copy that lacks something is loaded again, once for all who miss it", async () => {
  const { documents, hold, loaded, rows } = setUp();
  rows["a"] = "old";
  const old = await documents.get("a");
  rows["a"] = "new";
  const release = hold();
  const again = Array.from({ length: 2 }, async () => (await documents.reload("a", old)).text);
  release();
  assert.deepEqual(await Promise.all(again), ["new", "new"]);
  assert.equal((await documents.reload("a", old)).text, "new", "another copy is no worse");
  assert.equal(loaded.length, 2);
});

test("kinds of documents with one key are kept apart", async () => {
  const { clock, generations } = tinyMemory();
  const lease = { holds: () => true };
  const cache = createDocumentCache({ generations, lease, clock, metrics: createMetrics() });
  const [one, two] = ["one", "two"].map((name) =>
    cache.open({ name, dependsOn: [], load: async () => name }),
  );
  assert.deepEqual([await one!.get("k"), await two!.get("k")], ["one", "two"]);
  assert.deepEqual([one!.get("k"), two!.get("k")], ["one", "two"]);
});
