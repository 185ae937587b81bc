import assert from "node:assert/strict";
import { test } from "node:test";
import { createTotals } from "../../../src/contexts/products-catalog/totals.ts";

test("a total is counted once for a revision, by one request for all", async () => {
  const totals = createTotals();
  let counts = 0;
  const count = async () => ({ revision: 1, total: (counts += 1) });
  const found = await Promise.all([1, 2, 3].map(() => totals.at(1, "a", count)));
  assert.deepEqual(found, [1, 1, 1]);
  assert.equal(await totals.at(1, "a", count), 1);
  assert.equal(await totals.at(1, "b", count), 2);
});

test("another revision is counted anew", async () => {
  const totals = createTotals();
  assert.equal(await totals.at(1, "a", async () => ({ revision: 1, total: 10 })), 10);
  assert.equal(await totals.at(2, "a", async () => ({ revision: 2, total: 11 })), 11);
});

test("a count that began before the page was read is not believed", async () => {
  const totals = createTotals();
  let finish: (total: { revision: number; total: number }) => void = () => {};
  const slow = () =>
    new Promise<{ revision: number; total: number }>((resolve) => (finish = resolve));
  const early = totals.at(1, "a", slow);
  const late = totals.at(2, "a", async () => ({ revision: 2, total: 11 }));
  finish({ revision: 1, total: 10 });
  assert.equal(await early, 10);
  assert.equal(await late, 11);
  assert.equal(await totals.at(2, "a", async () => assert.fail("counted again")), 11);
});

test("a failed count is tried again by the next", async () => {
  const totals = createTotals();
  await assert.rejects(totals.at(1, "a", () => Promise.reject(new Error("away"))));
  assert.equal(await totals.at(1, "a", async () => ({ revision: 1, total: 5 })), 5);
});

test("only so many filters are remembered; the one not asked for the longest goes first", async () => {
  const totals = createTotals(2);
  const count = async () => ({ revision: 1, total: 1 });
  await totals.at(1, "a", count);
  await totals.at(1, "b", count);
  await totals.at(1, "a", count);
  await totals.at(1, "c", count);
  assert.equal(totals.size(), 2);
  await totals.at(1, "a", async () => assert.fail("a was forgotten"));
  let counted = false;
  await totals.at(1, "b", async () => ((counted = true), { revision: 1, total: 1 }));
  assert.ok(counted);
});
