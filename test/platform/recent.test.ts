import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRecent } from "../../src/platform/recent.ts";

test("what was not asked for the longest goes first", () => {
  const recent = createRecent<number>(2);
  recent.set("a", 1);
  recent.set("b", 2);
  assert.equal(recent.get("a"), 1);
  recent.set("c", 3);
  assert.deepEqual(
    ["a", "b", "c"].map((key) => recent.get(key)),
    [1, undefined, 3],
  );
});

test("one that is heavier than all may be is not kept, nor what it replaces", () => {
  const recent = createRecent<string>(5, (_key, value) => value.length);
  recent.set("a", "1");
  recent.set("b", "22");
  recent.set("a", "666666");
  assert.equal(recent.get("a"), undefined);
  assert.equal(recent.get("b"), "22");
  assert.equal(recent.weight(), 2);
});

test("it holds what a plain list of the last ones holds", () => {
  const step = fc.record({
    key: fc.constantFrom("a", "b", "c", "d", "e"),
    value: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      (steps, max) => {
        const recent = createRecent<number>(max, (_key, value) => value);
        let list: { key: string; value: number }[] = [];
        for (const { key, value } of steps) {
          const known = list.find((one) => one.key === key);
          list = list.filter((one) => one.key !== key);
          if (value === undefined) {
            assert.equal(recent.get(key), known?.value);
            if (known !== undefined) list.push(known);
          } else {
            recent.set(key, value);
            if (value <= max) list.push({ key, value });
            while (total(list) > max) list.shift();
          }
          assert.equal(recent.size(), list.length);
          assert.equal(recent.weight(), total(list));
        }
      },
    ),
  );
});

const total = (list: readonly { value: number }[]) =>
  list.reduce((sum, { value }) => sum + value, 0);
