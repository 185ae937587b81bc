import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readCsv, type CsvRecord } from "../../src/platform/csv.ts";
import { readLines } from "../../src/platform/text-file.ts";
import { testSeed, testSize } from "../support/size.ts";

async function read(chunks: Iterable<string>): Promise<CsvRecord[]> {
  return collect(readCsv(chunks));
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

const cell = fc.string({
  unit: fc.constantFrom("a", "é", ",", ";", '"', "\n", "\r", " ", "💖"),
  maxLength: 6,
});
const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 6 });

test("what was written as RFC 4180 is read back, wherever the chunks end", async () => {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  await fc.assert(
    fc.asyncProperty(
      table,
      fc.constantFrom("\r\n", "\n"),
      fc.boolean(),
      fc.integer({ min: 1, max: 400 }),
      async (rows, end, hasLastEnd, size) => {
        const text =
          rows.map((row) => row.map(quoted).join(",")).join(end) + (hasLastEnd ? end : "");
        const letters = Array.from(text);
        const chunks = Array.from({ length: Math.ceil(letters.length / size) }, (_, index) =>
          letters.slice(index * size, (index + 1) * size).join(""),
        );
        const found = await read(chunks);
        assert.deepEqual(
          found.map((record) => "cells" in record && record.cells),
          rows,
        );
      },
    ),
    { seed: testSeed(), numRuns: testSize(300, 10_000) },
  );
});

test("records have the line they begin in, empty lines are left out", async () => {
  assert.deepEqual(await read(['a,b\r\n\r\n"x\ny",2\n\n3,4\r5,6']), [
    { line: 1, cells: ["a", "b"] },
    { line: 3, cells: ["x\ny", "2"] },
    { line: 6, cells: ["3", "4"] },
    { line: 7, cells: ["5", "6"] },
  ]);
});

test("text beside quotes is a fault of its record alone", async () => {
  assert.deepEqual(await read(['"a"b,1\na"b,2\nc,"3"\n']), [
    { line: 1, fault: "text after a closing quote" },
    { line: 2, fault: "a quote inside a cell without quotes" },
    { line: 3, cells: ["c", "3"] },
  ]);
});

test("a quote that is never closed is told where it began, without keeping the rest", async () => {
  assert.deepEqual(await read(['a,b\n"c,d\ne,f']), [
    { line: 1, cells: ["a", "b"] },
    { line: 2, fault: "a quote that is never closed" },
  ]);
  let chunks = 0;
  function* endless() {
    yield 'a\n"';
    for (; chunks < 100; chunks++) yield "x".repeat(100_000);
  }
  const found = await read(endless());
  assert.equal(found.length, 2);
  assert.ok(chunks < 20);
});

test("lines are read wherever the chunks end", async () => {
  async function* chunks() {
    yield "a\r";
    yield "\nb";
    yield "c\n\nd";
  }
  assert.deepEqual(await collect(readLines(chunks())), [
    { line: 1, text: "a" },
    { line: 2, text: "bc" },
    { line: 3, text: "" },
    { line: 4, text: "d" },
  ]);
});
