import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { atOnce, inTurns, sortSteps } from "../../src/platform/turns.ts";
import { testSeed } from "../support/size.ts";

const byKey = (one: { key: number }, other: { key: number }) => one.key - other.key;

test("a sort in steps is the stable sort, for any items", () => {
  const keys = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 3_000, size: "max" });
  fc.assert(
    fc.property(keys, (given) => {
      const items = given.map((key, at) => ({ key, at }));
      assert.deepEqual(atOnce(sortSteps(items, byKey)), items.toSorted(byKey));
    }),
    { seed: testSeed(), numRuns: 50 },
  );
});

test("others have their turn while a long sort is made", async () => {
  const items = Array.from({ length: 20_000 }, (_, at) => ({ key: (at * 7_919) % 20_011 }));
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const sorted = await inTurns(sortSteps(items, byKey), 0);
  clearInterval(timer);
  assert.deepEqual(sorted, items.toSorted(byKey));
  assert.ok(turns > 1, `${turns} turns`);
});
