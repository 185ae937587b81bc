import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = new URL("..", import.meta.url);
const textOf = (path: string) => readFileSync(fileURLToPath(new URL(path, ROOT)), "utf8");

/** The lines of the standard that apply. */
const LINES = `
  2.1.1 2.1.3 2.2.1 2.2.2 2.3.1 2.3.2 2.3.3 2.3.4 2.4.1
  3.2.1 3.3.1 3.3.2 3.3.3 3.3.4 3.3.5 3.4.1 3.4.2 3.4.3 3.4.4 3.4.5 3.4.6 3.4.8 3.5.1 3.5.2 3.5.3 3.5.8 3.6.1 3.7.2
  4.1.1 4.1.3 4.1.4 4.2.1 4.2.2 4.2.5
  6.1.1 6.1.2 6.1.3 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.7 6.2.8 6.2.9 6.2.10 6.2.11 6.2.12 6.3.1 6.3.2 6.3.3 6.3.4 6.3.5 6.3.7 6.3.8 6.4.1 6.4.2 6.4.3 6.4.4 6.4.6 6.5.1 6.5.2 6.5.3 6.5.4 6.5.5 6.5.6 6.5.8 6.6.2 6.6.3 6.8.1 6.8.2 6.8.4
  7.1.1 7.1.2 7.1.3 7.2.1 7.2.2 7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.2 7.4.3 7.4.5 7.5.1 7.5.2 7.5.3 7.6.1 7.6.2
  8.1.1 8.1.2 8.2.1 8.2.2 8.2.3 8.3.1 8.3.2 8.3.3 8.4.1 8.4.2
  9.1.1 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3 9.2.4
  10.1.1 10.3.1 10.3.2 10.3.3 10.3.4 10.3.5 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5 10.4.6 10.4.8 10.4.9 10.4.10 10.4.11 10.4.14 10.5.1 10.5.2 10.5.3 10.5.4 10.5.5 10.6.2
  11.2.4 11.2.5 11.4.2 11.5.1
  13.1.1 13.1.2 13.1.3 13.1.4 13.2.1 13.2.2 13.2.3 13.2.4 13.2.5 13.2.6 13.3.1 13.3.2 13.3.4 13.4.1 13.4.2 13.4.3 13.4.4 13.4.5 13.4.6 13.4.7
  14.2.1 14.3.2
  15.1.1 15.1.2 15.3.2 15.3.3 15.3.5 15.3.6 15.3.7 15.4.1 15.4.2 15.4.3 15.4.4
  16.2.5 16.3.1 16.3.2 16.3.3 16.3.4 16.4.1 16.5.1 16.5.2 16.5.3 16.5.4
`
  .trim()
  .split(/\s+/);

const rows = textOf("docs/asvs.md")
  .split("\n")
  .map((row) => /^\| ([\d.]+) \| L([123]) \| (.+?) \| (.+) \|$/.exec(row))
  .filter((found) => found !== null)
  .map(([, line, level, , proof]) => ({ line: line!, level: level!, proof: proof! }));

test("every line that applies is in the table, once and in order", () => {
  assert.deepEqual(
    rows.map(({ line }) => line),
    LINES,
  );
});

test("every line names a test that is there, a document, or why there is none", () => {
  const missing = rows.filter(({ proof }) => {
    if (/^none: .{10,}/.test(proof)) return false;
    const document = /^a document: `([\w./-]+)`/.exec(proof);
    if (document !== null) return !existsSync(fileURLToPath(new URL(document[1]!, ROOT)));
    const [, path, name] = /^`(test\/[\w./-]+)`: (.+)$/.exec(proof) ?? [];
    if (path === undefined || !existsSync(fileURLToPath(new URL(path, ROOT)))) return true;
    const text = textOf(path);
    return !text.includes(`test("${name}"`) && !text.includes(`test(\`${name}\``);
  });
  assert.deepEqual(missing, []);
});

test("every file that a line names beside its test is there", () => {
  for (const { line, proof } of rows) {
    for (const [, name] of proof.matchAll(/`((?:src|docs|test)\/[\w./-]+)`/g)) {
      assert.ok(existsSync(fileURLToPath(new URL(name!, ROOT))), `${line}: ${name}`);
    }
  }
});

test("lines without a test are few", () => {
  const without = rows.filter(({ proof }) => !proof.startsWith("`"));
  assert.ok(without.length <= 36, `${without.length} of ${rows.length}`);
});
