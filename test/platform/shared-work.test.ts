import assert from "node:assert/strict";
import { test } from "node:test";
import { createSharedWork } from "../../src/platform/shared-work.ts";

/** Work that ends when it is told to, in the order in which it began. */
function workshop() {
  const begun: ((outcome: string | Error) => void)[] = [];
  const make = () =>
    new Promise<string>((resolve, reject) =>
      begun.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome))),
    );
  return { begun, make };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("who comes while one is under way gets the next, with all who came since", async () => {
  const shared = createSharedWork<string>();
  const { begun, make } = workshop();
  const first = shared("a", make);
  const late = [shared("a", make), shared("a", make)];
  await settled();
  assert.equal(begun.length, 1);
  begun[0]!("old");
  assert.equal(await first, "old");
  await settled();
  assert.equal(begun.length, 2);
  const later = shared("a", make);
  begun[1]!("new");
  assert.deepEqual(await Promise.all(late), ["new", "new"]);
  await settled();
  assert.equal(begun.length, 3, "the last one came when the second had begun");
  begun[2]!("newest");
  assert.equal(await later, "newest");
  await settled();
  void shared("a", make);
  assert.equal(begun.length, 4, "nobody is waited for any more");
});

test("other keys wait for nobody", async () => {
  const shared = createSharedWork<string>();
  const { begun, make } = workshop();
  const both = [shared("a", make), shared("b", make)];
  assert.equal(begun.length, 2);
  begun[1]!("b");
  assert.equal(await both[1], "b");
  begun[0]!("a");
  assert.equal(await both[0], "a");
});

test("a failure is told to those whose work it was, and the next is done all the same", async () => {
  const shared = createSharedWork<string>();
  const { begun, make } = workshop();
  const first = shared("a", make);
  const late = shared("a", make);
  begun[0]!(new Error("away"));
  await assert.rejects(first, /away/);
  await settled();
  begun[1]!("here");
  assert.equal(await late, "here");
});
