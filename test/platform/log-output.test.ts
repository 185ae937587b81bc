import assert from "node:assert/strict";
import fs from "node:fs";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createLogOutput } from "../../src/platform/log-output.ts";
import { logLimits } from "../../src/platform/limits.ts";

type Answer = number | "EAGAIN" | "ENOSPC";

/** A file descriptor that takes as many bytes of each write as `answers` says, then all. */
function slowDevice(t: TestContext, answers: Answer[]) {
  const taken: string[] = [];
  const take = (bytes: Buffer, offset: number): number => {
    const answer = answers.shift() ?? bytes.length;
    if (typeof answer === "string") throw Object.assign(new Error(answer), { code: answer });
    const count = Math.min(answer, bytes.length - offset);
    taken.push(bytes.toString("utf8", offset, offset + count));
    return count;
  };
  t.mock.method(
    fs,
    "write",
    (
      _: number,
      bytes: Buffer,
      offset: number,
      done: (error: Error | null, count?: number) => void,
    ) => {
      setImmediate(() => {
        let count: number;
        try {
          count = take(bytes, offset);
        } catch (error) {
          return done(error as Error);
        }
        return done(null, count);
      });
    },
  );
  t.mock.method(fs, "writeSync", (_: number, bytes: Buffer, offset: number) => take(bytes, offset));
  return { output: createLogOutput(99), taken };
}

test("lines gather until there are enough or somebody flushes", async (t) => {
  const { output, taken } = slowDevice(t, []);
  output.write("short\n");
  await pause(5);
  assert.deepEqual(taken, []);
  output.flush();
  await pause(5);
  assert.deepEqual(taken, ["short\n"]);
  output.write(`${"x".repeat(logLimits.bufferMinBytes)}\n`);
  await pause(5);
  assert.equal(taken.length, 2);
});

test("what is taken in pieces, or later, arrives whole and in order", async (t) => {
  const { output, taken } = slowDevice(t, [3, "EAGAIN", 2, "EAGAIN", 1]);
  output.write("one\ntwo ü\n");
  output.flush();
  output.write("three\n");
  await pause(10 * logLimits.retryMs);
  output.flush();
  await pause(10);
  assert.equal(taken.join(""), "one\ntwo ü\nthree\n");
  assert.equal(output.droppedCount(), 0);
});

test("the synchronous flush takes along what waits for a slow reader, once", async (t) => {
  const { output, taken } = slowDevice(t, ["EAGAIN", "EAGAIN", 4]);
  output.write("one\ntwo\n");
  output.flush();
  await pause(5);
  output.write("three\n");
  output.flushSync();
  assert.equal(taken.join(""), "one\ntwo\nthree\n");
  await pause(3 * logLimits.retryMs);
  assert.equal(taken.join(""), "one\ntwo\nthree\n");
});

test("a full disk costs the lines that did not fit, and they are counted", async (t) => {
  const { output, taken } = slowDevice(t, ["ENOSPC"]);
  output.write("one\ntwo\n");
  output.flush();
  await pause(5);
  assert.equal(output.droppedCount(), 2);
  output.write("three\n");
  output.flushSync();
  assert.deepEqual(taken, ["three\n"]);
});

test("the synchronous flush gives up on a full disk and on a reader that never comes", (t) => {
  const { output } = slowDevice(t, ["ENOSPC"]);
  output.write("one\n");
  output.flushSync();
  assert.equal(output.droppedCount(), 1);
  const never = slowDevice(t, Object.assign([], { shift: () => "EAGAIN" as const }));
  never.output.write("two\n");
  never.output.flushSync();
  assert.equal(never.output.droppedCount(), 1);
});

test("more than a slow reader may owe is dropped and counted", (t) => {
  const { output } = slowDevice(t, Object.assign([], { shift: () => "EAGAIN" as const }));
  const line = `${"x".repeat(1024 * 1024 - 1)}\n`;
  for (let n = 0; n < 20; n++) output.write(line);
  assert.ok(output.droppedCount() >= 2, String(output.droppedCount()));
});

test("the synchronous flush lets a write under way go first", (t) => {
  const taken: string[] = [];
  let underWay: { text: string; doneAtMs: number } | undefined;
  // A thread of the pool: done by itself after a while, whatever this thread does.
  t.mock.method(fs, "write", (_: number, bytes: Buffer) => {
    underWay = { text: String(bytes), doneAtMs: performance.now() + 50 };
  });
  t.mock.method(fs, "writeSync", (_: number, bytes: Buffer) => {
    if (underWay !== undefined && performance.now() >= underWay.doneAtMs) taken.push(underWay.text);
    taken.push(String(bytes));
    return bytes.length;
  });
  const output = createLogOutput(99);
  output.write("first\n");
  output.flush();
  output.write("second\n");
  output.flushSync();
  assert.deepEqual(taken, ["first\n", "second\n"]);
});
