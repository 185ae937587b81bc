import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createManualClock } from "../support/clock.ts";
import { createLifecycle, onSignal } from "../../src/platform/lifecycle.ts";
import { capturedLog, silentLog } from "../support/log.ts";
import { scriptUrl, scriptWords } from "../support/built.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("what was opened last is closed first, one after the other", async () => {
  const lifecycle = createLifecycle(silentLog);
  const order: string[] = [];
  for (const name of ["database", "bus", "server"]) {
    lifecycle.own(name, async () => {
      order.push(`${name} closes`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      order.push(`${name} closed`);
    });
  }
  assert.equal(lifecycle.openCount(), 3);
  await lifecycle.close();
  assert.deepEqual(order, [
    "server closes",
    "server closed",
    "bus closes",
    "bus closed",
    "database closes",
    "database closed",
  ]);
  assert.equal(lifecycle.openCount(), 0);
});

test("a closer that fails is told and does not keep the others open", async () => {
  const { log, lines } = capturedLog("error");
  const lifecycle = createLifecycle(log);
  let closed = 0;
  lifecycle.own("first", () => void closed++);
  lifecycle.own("broken", () => {
    throw new Error("stuck");
  });
  await lifecycle.close();
  assert.equal(closed, 1);
  assert.equal(lifecycle.openCount(), 0);
  assert.equal(lines[0]?.["closes"], "broken");
});

test("closing twice closes once", async () => {
  const lifecycle = createLifecycle(silentLog);
  let closed = 0;
  lifecycle.own("one", async () => void closed++);
  await Promise.all([lifecycle.close(), lifecycle.close()]);
  await lifecycle.close();
  assert.equal(closed, 1);
});

test("a signal that comes twice at once is one signal, a later one is another", (t) => {
  const clock = createManualClock();
  const heard: [string, number][] = [];
  t.after(onSignal((signal, ordinal) => heard.push([signal, ordinal]), clock));
  process.emit("SIGTERM", "SIGTERM");
  clock.advanceMs(999);
  process.emit("SIGINT", "SIGINT");
  assert.deepEqual(heard, [["SIGTERM", 1]]);
  clock.advanceMs(1);
  process.emit("SIGINT", "SIGINT");
  process.emit("SIGINT", "SIGINT");
  assert.deepEqual(heard, [
    ["SIGTERM", 1],
    ["SIGINT", 2],
    ["SIGINT", 3],
  ]);
});

/** Runs a piece of program that has the lifecycle in reach. */
async function runProgram(program: string, act?: (pid: number) => void) {
  const child = spawn(
    process.execPath,
    [
      ...scriptWords(),
      "--input-type=module",
      "-e",
      `const life = await import("${scriptUrl("src/platform/lifecycle.ts").href}"); const { writeSync } = await import("node:fs"); ${program}`,
    ],
    { cwd: ROOT, stdio: ["ignore", "pipe", "ignore"] },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += String(chunk);
    if (output.startsWith("ready\n")) act?.(child.pid!);
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { output, code, signal };
}

test("an exit runs every listener, in order, before the process ends", async () => {
  const { output, code } = await runProgram(`
    life.onExit(() => writeSync(1, "one "));
    life.onExit(() => writeSync(1, "two"));
    life.exit(7);
  `);
  assert.deepEqual([output, code], ["one two", 7]);
});

test("an error that nobody caught reaches the listener in place of ending the process", async () => {
  const { output, code } = await runProgram(`
    life.onUncaught((error) => writeSync(1, error.message + " "));
    setTimeout(() => { throw new Error("thrown"); }, 1);
    setTimeout(() => void Promise.reject(new Error("rejected")), 5);
    setTimeout(() => life.exit(0), 50);
  `);
  assert.deepEqual([output, code], ["thrown rejected ", 0]);
});

test("a real signal is heard", async () => {
  const { output, code } = await runProgram(
    `
    life.onSignal((signal, ordinal) => { writeSync(1, signal + ordinal); life.exit(0); });
    setInterval(() => {}, 1000);
    writeSync(1, "ready\\n");
  `,
    (pid) => process.kill(pid, "SIGTERM"),
  );
  assert.deepEqual([output, code], ["ready\nSIGTERM1", 0]);
});

test("the hard end leaves nobody a say", async () => {
  const { output, signal } = await runProgram(`
    life.onExit(() => writeSync(1, "never"));
    life.killHard();
    writeSync(1, "never");
  `);
  assert.deepEqual([output.includes("never"), signal], [false, "SIGKILL"]);
});
