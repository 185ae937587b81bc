import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { AppError, platformErrors } from "../../src/platform/errors.ts";
import { createPort } from "../../src/platform/thread-port.ts";

function pair(t: { after(fn: () => void): void }) {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  return { near: createPort(port1), far: createPort(port2) };
}

test("a question is answered by its handler", async (t) => {
  const { near, far } = pair(t);
  far.serve("double", (value: number) => value * 2);
  const answers = await Promise.all([1, 2, 3].map((value) => near.request("double", value)));
  assert.deepEqual(answers, [2, 4, 6]);
});

test("a failure keeps its code, status and headers on the way", async (t) => {
  const { near, far } = pair(t);
  far.serve("refuse", () => {
    throw platformErrors.failure("overloaded", { headers: { "retry-after": "1" } });
  });
  await assert.rejects(near.request("refuse", null), (error: AppError) => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, "overloaded");
    assert.equal(error.status, 503);
    assert.deepEqual(error.headers, { "retry-after": "1" });
    return true;
  });
});

test("an unknown error crosses without its text, which may hold what was passed in", async (t) => {
  const { near, far } = pair(t);
  far.serve("leak", (secret: string) => {
    throw new TypeError(`cannot use ${secret}`);
  });
  await assert.rejects(near.request("leak", "hunter2"), (error: AppError) => {
    assert.equal(error.code, "internal");
    assert.doesNotMatch(JSON.stringify(error) + error.message + error.note, /hunter2/);
    return true;
  });
});

test("a question nobody serves is refused, not left waiting", async (t) => {
  const { near } = pair(t);
  await assert.rejects(near.request("nobody", null), { code: "internal" });
});

test("aborting a question tells the other end and refuses at once", async (t) => {
  const { near, far } = pair(t);
  const cancelled = deferred<void>();
  far.serve("slow", async (_payload, signal) => {
    await once(signal, "abort");
    cancelled.resolve();
  });
  const controller = new AbortController();
  const answer = near.request("slow", null, { signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  await assert.rejects(answer, { code: "unavailable" });
  await cancelled.promise;
});

test("a question past its deadline is refused and cancelled", async (t) => {
  const { near, far } = pair(t);
  const cancelled = deferred<void>();
  far.serve("slow", async (_payload, signal) => {
    await once(signal, "abort");
    cancelled.resolve();
  });
  await assert.rejects(near.request("slow", null, { deadlineMs: 20 }), { code: "unavailable" });
  await cancelled.promise;
});

test("an aborted signal asks nothing", async (t) => {
  const { near, far } = pair(t);
  let asked = 0;
  far.serve("count", () => ++asked);
  await assert.rejects(near.request("count", null, { signal: AbortSignal.abort() }), {
    code: "unavailable",
  });
  assert.equal(await near.request("count", null), 1);
});

test("when the other end is gone, what waits is refused and what runs for it is cancelled", async (t) => {
  const { near, far } = pair(t);
  const begun = deferred<AbortSignal>();
  far.serve("hang", (_payload, signal) => {
    begun.resolve(signal);
    return new Promise(() => {});
  });
  const answer = near.request("hang", null);
  const signal = await begun.promise;
  near.abandon();
  await assert.rejects(answer, { code: "unavailable" });
  far.abandon();
  assert.equal(signal.aborted, true);
});

test("events reach their listener and need none", async (t) => {
  const { near, far } = pair(t);
  const heard = deferred<unknown>();
  far.on("news", heard.resolve);
  near.emit("unheard", 1);
  near.emit("news", { price: 3 });
  assert.deepEqual(await heard.promise, { price: 3 });
});

function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
