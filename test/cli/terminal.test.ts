import assert from "node:assert/strict";
import { test } from "node:test";
import { createBar, createPlainProgress, printable, toTable } from "../../src/cli/terminal.ts";

test("columns are aligned and the last one is ragged", () => {
  assert.deepEqual(
    toTable(
      ["A", "LONG"],
      [
        ["one", "1"],
        ["three", "22"],
      ],
    ),
    ["A      LONG", "one    1", "three  22"],
  );
});

test("control characters of a stored text never reach the terminal", () => {
  assert.equal(printable("a\u001b[31mb\u0000\r\n\u202ec\u2028"), "a?[31mb????c?");
  assert.equal(printable("Pão de queijo 🧀"), "Pão de queijo 🧀");
});

test("without a terminal progress is whole lines, one for each tenth", () => {
  const lines: string[] = [];
  const progress = createPlainProgress("rows", (line) => void lines.push(line));
  for (let done = 1; done <= 995; done++) progress.update(done, 1000);
  progress.end();
  assert.equal(lines.length, 10);
  assert.deepEqual(
    [lines[0], lines[8], lines[9]],
    ["rows: 100 of 1000", "rows: 900 of 1000", "rows: 995 of 1000"],
  );
});

test("progress of an unknown total comes every ten thousand and at the end", () => {
  const lines: string[] = [];
  const progress = createPlainProgress("rows", (line) => void lines.push(line));
  for (let done = 1_000; done <= 25_000; done += 1_000) progress.update(done);
  progress.end();
  assert.deepEqual(lines, ["rows: 10000", "rows: 20000", "rows: 25000"]);
});

test("a bar is drawn over itself, not at every step, and ends with what was reached", () => {
  const drawn: [string, boolean][] = [];
  const bar = createBar("rows", (line, isLast) => void drawn.push([line, isLast]));
  for (let done = 1; done <= 1000; done++) bar.update(done, 1000);
  bar.end();
  assert.ok(drawn.length < 100);
  assert.deepEqual(drawn.at(-1), [`rows [${"#".repeat(30)}] 100% 1000/1000`, true]);
  assert.ok(drawn.slice(0, -1).every(([, isLast]) => !isLast));
});
