import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { widenNursery } from "../../src/control/http-thread.ts";
import { controlLimits } from "../../src/platform/limits.ts";

const MIB = 1024 * 1024;

/** Bytes that a new thread has for young objects. */
async function nurseryBytes(): Promise<number> {
  const script = `
    const { getHeapSpaceStatistics } = require("node:v8");
    // Some of both halves is used by now.
    let garbage = []; for (let i = 0; i < 1e6; i++) garbage = [i, garbage.length];
    const space = getHeapSpaceStatistics().find((one) => one.space_name === "new_space");
    require("node:worker_threads").parentPort.postMessage(space.space_size);`;
  const worker = new Worker(script, { eval: true });
  const bytes = await new Promise<number>((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
  await worker.terminate();
  return bytes;
}

test("a thread that starts after it has room for what many requests leave", async () => {
  assert.ok((await nurseryBytes()) < controlLimits.nurseryMiB * MIB);
  widenNursery();
  assert.ok((await nurseryBytes()) >= controlLimits.nurseryMiB * MIB);
});
