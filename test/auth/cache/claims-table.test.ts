import assert from "node:assert/strict";
import { test } from "node:test";
import { createClaimsTable } from "../../../src/auth/cache/claims-table.ts";
import { createTableUpkeep } from "../../../src/auth/cache/table-upkeep.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { renderPrometheus } from "../../../src/platform/metrics-text.ts";
import { digestOf, entryOf, tinyMemory } from "./fixtures.ts";
import { NOW_SECONDS, dieWriting } from "./guards.ts";
import { interleave } from "./interleave.ts";

function setUp(options: Parameters<typeof tinyMemory>[0] = {}) {
  const memory = tinyMemory(options);
  const { shared, generations, clock } = memory;
  const open = (owner: number) => createClaimsTable({ shared, generations, owner });
  const table = open(1);
  return {
    ...memory,
    table,
    open,
    upkeep: createTableUpkeep({ shared, clock }),
    put: (key: number, payload: unknown = key, nowTicks = 0) =>
      table.put(digestOf(key), entryOf(generations, key, payload), NOW_SECONDS, nowTicks),
    get: (key: number) => table.get(digestOf(key), NOW_SECONDS, 0),
  };
}

test("an empty table knows nobody, not even the digest of zeros", () => {
  const { table } = setUp();
  assert.equal(table.get(new Uint8Array(16), 0, 0), undefined);
});

test("what one thread puts, another one gets, with everything that was captured", () => {
  const { generations, table, open, put } = setUp();
  const payload = { text: "ação", list: [1, null, true], nested: { deep: "x".repeat(200) } };
  assert.equal(put(1, payload), "stored");
  const entry = entryOf(generations, 1, payload);
  assert.deepEqual(open(2).get(digestOf(1), NOW_SECONDS, 0), { ...entry, isCurrent: true });
  assert.deepEqual(table.get(digestOf(1), NOW_SECONDS, 0), { ...entry, isCurrent: true });
});

test("a full slot holds exactly what it says, one byte more is too large", () => {
  const { put, get } = setUp({ slotBytes: 128 });
  // 32 bytes for the payload, of which msgpack takes one for a short text.
  assert.equal(put(1, "x".repeat(31)), "stored");
  assert.equal(get(1)?.payload, "x".repeat(31));
  assert.equal(put(2, "x".repeat(32)), "too_large");
  assert.equal(get(2), undefined);
});

test("a key is put into its own slot again, then an empty, a past one, the oldest", () => {
  const { generations, table, put, get } = setUp();
  for (const key of [0, 1, 2, 3]) assert.equal(put(key, key, 10 + key), "stored");
  assert.equal(put(0, "again", 20), "stored");
  // 1 is the oldest now.
  assert.equal(put(4, 4, 21), "replaced");
  assert.equal(get(1), undefined);
  for (const key of [0, 2, 3, 4]) assert.ok(get(key), `key ${key}`);
  const short = { ...entryOf(generations, 3, "short"), deadlineTicks: 30 };
  table.put(digestOf(3), short, NOW_SECONDS, 22);
  assert.equal(table.put(digestOf(5), entryOf(generations, 5, 5), NOW_SECONDS, 30), "stored");
  assert.equal(get(3), undefined);
  for (const key of [0, 2, 4, 5]) assert.ok(get(key), `key ${key}`);
});

test("of two slots with one key the current one is found", () => {
  const { generations, open, put, get } = setUp();
  const stale = entryOf(generations, 1, "stale");
  generations.bump({ kind: "session", id: "session-1" });
  // While one thread writes the first slot, another one puts the same key into the second.
  interleave(
    "store",
    0,
    () => put(1, "current"),
    () => open(2).put(digestOf(1), stale, NOW_SECONDS, 0),
  );
  assert.equal(get(1)?.payload, "current");
  generations.bump({ kind: "session", id: "session-1" });
  assert.equal(get(1)?.isCurrent, false);
});

test("a fill is dropped when others write every slot of its bucket, and an odd slot is a miss", () => {
  const { generations, open, put, get, upkeep } = setUp();
  for (const key of [0, 1, 2, 3]) put(key);
  for (const owner of [11, 12, 13, 14]) {
    const dying = open(owner);
    const key = owner - 11;
    dieWriting(() => dying.put(digestOf(key), entryOf(generations, key, key), NOW_SECONDS, 0));
    assert.equal(get(key), undefined);
  }
  assert.equal(put(9), "contended");
  // Main learns which thread is dead; the slots of the others are theirs.
  assert.equal(upkeep.freeOwnedBy(12), 1);
  assert.equal(upkeep.freeOwnedBy(12), 0);
  assert.equal(get(1), undefined, "what a dead thread half wrote is no entry");
  assert.equal(put(9), "stored");
  assert.equal(get(9)?.payload, 9);
});

test("wherever a writer dies, its slot is free again and no half entry is read", () => {
  for (let at = 0, died = true; died; at++) {
    const { generations, open, put, get, upkeep, shared } = setUp();
    put(1, "before");
    const dying = open(77);
    try {
      died = interleave(
        "store",
        at,
        () => {
          throw new Error("the thread ends");
        },
        () => dying.put(digestOf(1), entryOf(generations, 1, "after"), NOW_SECONDS, 0),
      );
    } catch {
      assert.equal(get(1), undefined);
    }
    assert.equal(upkeep.freeOwnedBy(77), died ? 1 : 0, `store ${at}`);
    assert.equal(get(1)?.payload, died ? undefined : "after");
    const sequence = Atomics.load(new Int32Array(shared.claims), 0);
    put(1, "next");
    assert.equal(get(1)?.payload, "next");
    // The number went on: a reader from before the death sees that something happened.
    assert.notEqual(Atomics.load(new Int32Array(shared.claims), 0), sequence);
  }
});

test("the sequence word may come round", () => {
  const { put, get, shared } = setUp();
  const words = new Int32Array(shared.claims);
  const slotWords = shared.claimsSlotBytes / 4;
  for (let slot = 0; slot < 4; slot++) Atomics.store(words, slot * slotWords, 0x7fff_fff8);
  for (let round = 0; round < 20; round++) {
    for (const key of [0, 1, 2, 3]) put(key, `${key}-${round}`, round);
    for (const key of [0, 1, 2, 3]) assert.equal(get(key)?.payload, `${key}-${round}`);
  }
  assert.ok(Atomics.load(words, 0) < 0);
});

test("a slot that is taken between the look and the exchange is tried again", () => {
  const { generations, open, put, get } = setUp();
  const other = open(2);
  interleave(
    "compareExchange",
    0,
    () => other.put(digestOf(7), entryOf(generations, 7, 7), NOW_SECONDS, 0),
    () => put(1),
  );
  assert.equal(get(1)?.payload, 1);
  assert.equal(get(7)?.payload, 7);
});

test("main empties what is past, counts what lives, and shows both", () => {
  const { generations, table, put, get, shared, clock } = setUp({ slots: 16 });
  const metrics = createMetrics();
  const upkeep = createTableUpkeep({ shared, clock, metrics });
  put(1);
  put(2);
  table.put(
    digestOf(3),
    { ...entryOf(generations, 3, 3), expiresAt: NOW_SECONDS + 1 },
    NOW_SECONDS,
    0,
  );
  assert.deepEqual(upkeep.stats(), { slotCount: 16, live: 3 });
  clock.advanceMs(1_000);
  assert.deepEqual(upkeep.stats(), { slotCount: 16, live: 2 });
  assert.equal(upkeep.sweep(), 1);
  assert.equal(upkeep.sweep(), 0);
  assert.equal(get(3), undefined);
  assert.ok(get(1));
  metrics.refresh();
  const text = renderPrometheus([{ layout: metrics.layout(), block: metrics.block }]);
  assert.match(text, /^brigade_auth_cache_table_slots 16$/m);
  assert.match(text, /^brigade_auth_cache_table_live 2$/m);
});

test("with one HTTP thread there is no table, and its upkeep is nothing", () => {
  const { shared, clock } = tinyMemory({ threads: 1 });
  assert.equal(shared.claims, undefined);
  const upkeep = createTableUpkeep({ shared, clock });
  assert.equal(upkeep.freeOwnedBy(1) + upkeep.sweep(), 0);
  assert.deepEqual(upkeep.stats(), { slotCount: 0, live: 0 });
});
