import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { advance, type Cursor } from "../../../src/auth/revocation/cursor.ts";
import { readKeys } from "../../../src/auth/revocation/invalidation-keys.ts";
import type { LogEntry, LogPage } from "../../../src/auth/revocation/invalidation-log.ts";
import { testSeed } from "../../support/size.ts";

const session = (id: string) => ({ kind: "session" as const, id });
const GLOBAL = [{ kind: "global" }];

function entry(number: number, mark = `m${number}`): LogEntry {
  return { number, mark, keys: [session(`s${number}`)] };
}

function page(over: Partial<LogPage> = {}): LogPage {
  return {
    incarnation: "a",
    isStandby: false,
    trimmedTo: 0,
    highest: 5,
    highestMark: "m5",
    positionMark: "m5",
    entries: [],
    keyVersion: 1,
    ...over,
  };
}

const at5: Cursor = { incarnation: "a", position: 5, mark: "m5" };

test("the first page drops everything and stands at the highest number", () => {
  const step = advance(undefined, page({ highest: 9, highestMark: "m9" }));
  assert.equal(step.jump, "start");
  assert.deepEqual(step.keys, GLOBAL);
  assert.deepEqual(step.cursor, { incarnation: "a", position: 9, mark: "m9" });
  assert.equal(step.isComplete, true);
});

test("a page without news changes nothing", () => {
  const step = advance(at5, page());
  assert.deepEqual(step, { cursor: at5, keys: [], jump: undefined, isComplete: true });
});

test("entries are applied in order, gaps and all, and the last one is where we stand", () => {
  const step = advance(at5, page({ highest: 9, highestMark: "m9", entries: [entry(7), entry(9)] }));
  assert.deepEqual(step.keys, [session("s7"), session("s9")]);
  assert.deepEqual(step.cursor, { incarnation: "a", position: 9, mark: "m9" });
  assert.equal(step.isComplete, true);
});

test("a page cut short is not complete", () => {
  const step = advance(at5, page({ highest: 9, entries: [entry(6), entry(7)] }));
  assert.equal(step.isComplete, false);
  assert.equal(step.cursor.position, 7);
});

const foreign: readonly [string, Partial<LogPage>][] = [
  ["incarnation", { incarnation: "b" }],
  ["behind", { highest: 4, highestMark: "m4", positionMark: undefined }],
  ["trimmed", { trimmedTo: 6, highest: 8, highestMark: "m8", positionMark: undefined }],
  ["rewritten", { highest: 8, highestMark: "x8", positionMark: "x5" }],
  ["rewritten", { highest: 8, highestMark: "x8", positionMark: undefined }],
];
for (const [reason, over] of foreign) {
  test(`a page of another history drops everything: ${reason} ${JSON.stringify(over)}`, () => {
    const step = advance(at5, page({ entries: [entry(7, "x7")], ...over }));
    assert.equal(step.jump, reason);
    assert.deepEqual(step.keys, GLOBAL);
    assert.equal(step.cursor.position, over.highest ?? 5);
    assert.equal(step.isComplete, true);
  });
}

test("our own position may be trimmed away: nothing was missed", () => {
  const step = advance(
    at5,
    page({ trimmedTo: 5, highestMark: undefined, positionMark: undefined }),
  );
  assert.equal(step.jump, undefined);
  assert.deepEqual(step.keys, []);
});

test("whatever the log does between two pages, no key above the position is missed", () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 30 });
  fc.assert(
    fc.property(
      numbers,
      fc.array(
        fc.record({ upTo: fc.nat(60), trim: fc.nat(60), limit: fc.integer({ min: 1, max: 9 }) }),
      ),
      (drawn, reads) => {
        const sorted = drawn.toSorted((a, b) => a - b);
        let cursor: Cursor | undefined = { incarnation: "a", position: 0, mark: undefined };
        let committedTo = 0;
        let trimmedTo = 0;
        for (const { upTo, trim, limit } of reads) {
          const before = cursor.position;
          committedTo = Math.max(committedTo, upTo);
          const visible = sorted.filter((number) => number <= committedTo);
          trimmedTo = Math.max(trimmedTo, visible.filter((number) => number <= trim).at(-1) ?? 0);
          const kept = visible.filter((number) => number > trimmedTo);
          const mark = (number: number | undefined) =>
            number && kept.includes(number) ? `m${number}` : undefined;
          const step = advance(cursor, {
            incarnation: "a",
            isStandby: false,
            trimmedTo,
            highest: kept.at(-1) ?? trimmedTo,
            highestMark: mark(kept.at(-1)),
            positionMark: mark(before),
            keyVersion: 1,
            entries: kept
              .filter((number) => number > before)
              .slice(0, limit)
              .map((number) => entry(number)),
          });
          const told = new Set(step.keys.map((key) => ("id" in key ? key.id : key.kind)));
          const due = visible.filter((n) => n > before && n <= step.cursor.position);
          assert.ok(told.has("global") || due.every((number) => told.has(`s${number}`)));
          if (step.isComplete) assert.ok(step.cursor.position >= (visible.at(-1) ?? 0));
          cursor = step.cursor;
        }
      },
    ),
    { seed: testSeed() },
  );
});

test("keys that this program does not know drop everything", () => {
  assert.deepEqual(readKeys([session("a"), { kind: "roles" }]), [session("a"), { kind: "roles" }]);
  const strange = [
    undefined,
    null,
    {},
    "global",
    [null],
    [session("a"), { kind: "planet", id: "x" }],
    [{ kind: "session", id: 7 }],
    [{ kind: "session" }],
    [{ kind: "issuer", id: "x" }],
    [{ kind: "identity", issuer: "i" }],
  ];
  for (const stored of strange) assert.deepEqual(readKeys(stored), GLOBAL, JSON.stringify(stored));
});
