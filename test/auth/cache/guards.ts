import assert from "node:assert/strict";
import type { createAuthCache } from "../../../src/auth/cache/auth-cache.ts";
import type { createClaimsTable } from "../../../src/auth/cache/claims-table.ts";
import { createTableUpkeep } from "../../../src/auth/cache/table-upkeep.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { ISSUER, digestOf, entryOf, fillOf, tinyMemory } from "./fixtures.ts";
import { interleave } from "./interleave.ts";

/** The part under test: the source, or a copy of it with one guard taken out. */
export interface CacheSource {
  readonly createClaimsTable: typeof createClaimsTable;
  readonly createAuthCache: typeof createAuthCache;
}

export const NOW_SECONDS = 1_800_000_000;

/** The interleavings and collisions that the protocol must survive, each as one check. */
export const guards = {
  "a fill that began before an invalidation gives no principal"({ createClaimsTable: create }) {
    const { shared, generations } = tinyMemory();
    const table = create({ shared, generations, owner: 1 });
    const entry = entryOf(generations, 1, "old");
    // The slow work of the fill goes on while somebody logs out; then the fill is written.
    generations.bump({ kind: "session", id: "session-1" });
    table.put(digestOf(1), entry, NOW_SECONDS, 0);
    assert.equal(table.get(digestOf(1), NOW_SECONDS, 0)?.isCurrent, false);
    generations.bump({ kind: "global" });
    assert.equal(table.get(digestOf(1), NOW_SECONDS, 0), undefined);
  },

  "a first-level fill keeps what was captured, not what is current"({ createAuthCache: create }) {
    const { shared, generations, clock } = tinyMemory();
    const cache = create({
      shared,
      generations,
      clock,
      ttlSeconds: 300,
      spawn: 1,
      digest: () => digestOf(1),
      metrics: createMetrics(),
    });
    const fill = fillOf(generations, "ana");
    generations.bump({ kind: "session", id: "session-ana" });
    cache.fill("token", fill);
    const found = cache.lookup("token", NOW_SECONDS);
    assert.equal(found?.principal, undefined);
    assert.deepEqual(found?.claims, fill.claims);
  },

  "an issuer's key that is withdrawn during a look-up is not forgotten"(source) {
    for (let at = 0, happened = true; happened; at++) {
      const { shared, generations, clock } = tinyMemory();
      const cache = source.createAuthCache({
        shared,
        generations,
        clock,
        ttlSeconds: 300,
        spawn: 1,
        digest: () => digestOf(1),
        metrics: createMetrics(),
      });
      const { principal } = fillOf(generations, "ana");
      cache.fill("token", fillOf(generations, "ana"));
      generations.bump({ kind: "roles" });
      happened = interleave(
        "load",
        at,
        () => generations.bump({ kind: "issuer", issuer: ISSUER }),
        () => {
          const found = cache.lookup("token", NOW_SECONDS);
          // The signature is not checked again: what it was checked under must be kept.
          if (found !== undefined) cache.fill("token", { ...found, principal });
        },
      );
      const after = cache.lookup("token", NOW_SECONDS);
      assert.equal(after === undefined, happened, `bump before load ${at}`);
    }
  },

  "a slot that is rewritten while it is copied is never believed"({ createClaimsTable: create }) {
    const { shared, generations } = tinyMemory();
    const reader = create({ shared, generations, owner: 1 });
    const writer = create({ shared, generations, owner: 2 });
    const values = ["a".repeat(600), "b".repeat(600)];
    const [first, second] = values.map((value) => entryOf(generations, 1, value));
    for (let at = 0; ; at++) {
      reader.put(digestOf(1), first!, NOW_SECONDS, 0);
      let found: unknown;
      const happened = interleave(
        "load",
        at,
        () => writer.put(digestOf(1), second!, NOW_SECONDS, 0),
        () => (found = reader.get(digestOf(1), NOW_SECONDS, 0)?.payload),
      );
      assert.ok(found === undefined || values.includes(found as string), `torn at load ${at}`);
      if (!happened) {
        assert.ok(at > 150, `only ${at} loads`);
        return;
      }
    }
  },

  "a digest that differs in any word finds nothing"({ createClaimsTable: create }) {
    const { shared, generations } = tinyMemory();
    const table = create({ shared, generations, owner: 1 });
    const digest = digestOf(1);
    table.put(digest, entryOf(generations, 1, "mine"), NOW_SECONDS, 0);
    assert.equal(table.get(digest, NOW_SECONDS, 0)?.payload, "mine");
    for (let byte = 0; byte < 16; byte++) {
      const other = Uint8Array.from(digest);
      other[byte]! ^= 0x80;
      assert.equal(table.get(other, NOW_SECONDS, 0), undefined, `byte ${byte}`);
    }
  },

  "an entry is gone at its end on either clock"({ createClaimsTable: create }) {
    const { shared, generations } = tinyMemory();
    const table = create({ shared, generations, owner: 1 });
    const entry = { ...entryOf(generations, 1, "x"), expiresAt: NOW_SECONDS + 5, deadlineTicks: 9 };
    table.put(digestOf(1), entry, NOW_SECONDS, 0);
    assert.ok(table.get(digestOf(1), NOW_SECONDS + 4, 8));
    assert.equal(table.get(digestOf(1), NOW_SECONDS + 5, 8), undefined);
    assert.equal(table.get(digestOf(1), NOW_SECONDS + 4, 9), undefined);
  },

  "two threads never write one slot at a time"({ createClaimsTable: create }) {
    const values = ["a".repeat(40), "b".repeat(40), "c".repeat(40), "d".repeat(40), "e".repeat(40)];
    for (let at = 0, happened = true; happened; at++) {
      const { shared, generations } = tinyMemory();
      const one = create({ shared, generations, owner: 1 });
      const two = create({ shared, generations, owner: 2 });
      const put = (table: typeof one, key: number) =>
        table.put(digestOf(key), entryOf(generations, key, values[key]), NOW_SECONDS, key);
      for (const key of [0, 1, 2, 3]) put(one, key);
      let inner = 0;
      happened = interleave(
        "store",
        at,
        () => {
          // While one writes its slot, two fills the bucket over and over.
          for (const key of [0, 1, 2, 3, 4]) put(two, key);
          inner = occupied(two);
        },
        () => put(one, 4),
      );
      if (happened) assert.ok(inner <= 3, "the slot that is being written was taken");
      assert.ok(occupied(one) <= 4);
    }

    function occupied(table: ReturnType<typeof create>): number {
      let live = 0;
      for (const key of [0, 1, 2, 3, 4]) {
        const found = table.get(digestOf(key), NOW_SECONDS, 0);
        if (found === undefined) continue;
        assert.equal(found.payload, values[key]);
        live++;
      }
      return live;
    }
  },

  "a slot that another thread took first is left alone"({ createClaimsTable: create }) {
    const { shared, generations, clock } = tinyMemory();
    const one = create({ shared, generations, owner: 1 });
    const two = create({ shared, generations, owner: 2 });
    const put = (table: typeof one, key: number) =>
      table.put(digestOf(key), entryOf(generations, key, key), NOW_SECONDS, key);
    for (const key of [0, 1, 2, 3]) put(one, key);
    const happened = interleave(
      "compareExchange",
      0,
      () => dieWriting(() => put(two, 5)),
      () => assert.equal(put(one, 4), "replaced"),
    );
    assert.ok(happened);
    assert.equal(createTableUpkeep({ shared, clock }).freeOwnedBy(2), 1);
  },
} satisfies Record<string, (source: CacheSource) => void>;

/** Runs a fill of a thread that ends within its third store. */
export function dieWriting(put: () => unknown): void {
  const death = new Error("the thread ends");
  const die = () => {
    throw death;
  };
  assert.throws(() => interleave("store", 2, die, put), death);
}
