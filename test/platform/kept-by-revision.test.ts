import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeptByRevision, type AtRevision } from "../../src/platform/kept-by-revision.ts";
import { createRecent } from "../../src/platform/recent.ts";

/** A row that somebody else changes, and how often it was read. */
function rowOf() {
  const row = { revision: 1, text: "one", reads: 0 };
  return {
    row,
    change(text: string) {
      row.revision += 1;
      row.text = text;
    },
    async read() {
      row.reads += 1;
      return { revision: row.revision, value: row.text };
    },
  };
}

test("a value is made once for a revision, and anew for the next", async () => {
  const kept = createKeptByRevision(createRecent<AtRevision<string>>(10));
  const { row, change, read } = rowOf();
  assert.equal(await kept.at(1, "key", read), "one");
  assert.equal(await kept.at(1, "key", read), "one");
  assert.equal(row.reads, 1);
  change("two");
  assert.equal(await kept.at(2, "key", read), "two");
  assert.equal(row.reads, 2);
});

test("those who ask meanwhile wait for the one who makes it", async () => {
  const kept = createKeptByRevision(createRecent<AtRevision<string>>(10));
  const { row, read } = rowOf();
  const values = await Promise.all([1, 2, 3].map(() => kept.at(1, "key", read)));
  assert.deepEqual(values, ["one", "one", "one"]);
  assert.equal(row.reads, 1);
});

test("whoever read a newer revision never gets what was begun before it", async () => {
  const kept = createKeptByRevision(createRecent<AtRevision<string>>(10));
  const { change, read } = rowOf();
  let land = (): void => undefined;
  const landing = new Promise<void>((resolve) => (land = resolve));
  const early = kept.at(1, "key", async () => {
    const old = await read();
    await landing;
    return old;
  });
  change("two");
  const late = kept.at(2, "key", read);
  land();
  assert.deepEqual(await Promise.all([early, late]), ["one", "two"]);
  assert.equal(await kept.at(2, "key", async () => assert.fail("it is kept")), "two");
});

test("a failure is told to all who wait, and the next one asks again", async () => {
  const kept = createKeptByRevision(createRecent<AtRevision<string>>(10));
  const fail = async () => Promise.reject(new Error("gone"));
  const asked = [1, 2].map(() => kept.at(1, "key", fail));
  for (const one of asked) await assert.rejects(one, /gone/);
  assert.equal(await kept.at(1, "key", rowOf().read), "one");
});
