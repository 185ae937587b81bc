import assert from "node:assert/strict";
import { test } from "node:test";
import { createFirstLevel } from "../../../src/auth/cache/first-level.ts";

const WIDE = { entriesMax: 1_000, charactersMax: 1_000_000 };
const TAIL = "0123456789abcdefghijklmnopqrstuv";

test("only the exact text of a token finds its entry, whatever its end", () => {
  const level = createFirstLevel<string>(WIDE);
  level.set(`a.${TAIL}`, "a");
  assert.equal(level.get(`a.${TAIL}`), "a");
  assert.equal(level.get(`b.${TAIL}`), undefined);
  assert.equal(level.get(TAIL), undefined);
  assert.equal(level.get(""), undefined);
  level.delete(`b.${TAIL}`);
  assert.equal(level.get(`a.${TAIL}`), "a");
  level.delete(`a.${TAIL}`);
  assert.equal(level.get(`a.${TAIL}`), undefined);
});

test("a forged text with the end of an old entry finds nothing and moves nothing", () => {
  const level = createFirstLevel<number>({ ...WIDE, entriesMax: 4 });
  level.set(`a.${TAIL}`, 1);
  level.set("x", 2);
  level.set("y", 3);
  assert.equal(level.get(`b.${TAIL}`), undefined);
  assert.equal(level.get(`a.${TAIL}`), 1);
});

test("the number of entries is bounded, and what is used stays", () => {
  const level = createFirstLevel<number>({ ...WIDE, entriesMax: 100 });
  level.set("used", -1);
  for (let entry = 0; entry < 10_000; entry++) {
    level.set(`token-${entry}`, entry);
    if (entry % 20 === 0) assert.equal(level.get("used"), -1);
    assert.ok(level.size() <= 100, `${level.size()} entries`);
  }
  assert.equal(level.get("used"), -1);
  assert.equal(level.get("token-9999"), 9_999);
  assert.equal(level.get("token-1"), undefined);
  // 10 001 were put in; nothing was deleted, so the rest is here or was evicted.
  assert.equal(level.evictions() + level.size(), 10_001);
});

test("the text is bounded too, and a text beyond the bound is not kept", () => {
  const level = createFirstLevel<number>({ entriesMax: 1_000, charactersMax: 2_000 });
  for (let entry = 0; entry < 100; entry++) {
    level.set(`${"x".repeat(96)}${entry}`.padEnd(100, "-"), entry);
    assert.ok(level.size() <= 20, `${level.size()} entries`);
  }
  const size = level.size();
  level.set("y".repeat(1_001), 1);
  assert.equal(level.get("y".repeat(1_001)), undefined);
  assert.equal(level.size(), size);
});

test("an entry set again is replaced, also when it had grown old", () => {
  const level = createFirstLevel<number>({ ...WIDE, entriesMax: 4 });
  level.set("a", 1);
  level.set("a", 2);
  assert.equal(level.get("a"), 2);
  level.set("b", 1);
  level.set("c", 1);
  level.set("a", 3);
  assert.equal(level.get("a"), 3);
  assert.equal(level.size(), 3);
});

test("a sweep drops the dead of both halves; clear drops all", () => {
  const level = createFirstLevel<number>({ ...WIDE, entriesMax: 8 });
  for (let entry = 0; entry < 6; entry++) level.set(`token-${entry}`, entry);
  assert.equal(
    level.sweep((entry) => entry % 2 === 0),
    3,
  );
  assert.equal(level.size(), 3);
  assert.equal(level.get("token-0"), undefined);
  assert.equal(level.get("token-1"), 1);
  level.clear();
  assert.equal(level.size(), 0);
  assert.equal(level.get("token-1"), undefined);
});
