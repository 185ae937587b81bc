import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { AppError } from "../../src/platform/errors.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { verifyPoolLimits } from "../../src/platform/limits.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { importVerificationKey } from "../../src/auth/keys/material.ts";
import type { VerificationKey } from "../../src/auth/token/verify.ts";
import {
  createVerifyPool,
  verifyInline,
  type VerifyPool,
  type VerifyPoolOptions,
  type VerifyTask,
} from "../../src/auth/verify-pool.ts";
import { capturedLog, silentLog } from "../support/log.ts";
import { makeKey, signInput, type TestKey } from "./token/token-factory.ts";
import { scriptUrl } from "../support/built.ts";

const rsa = makeKey("RS256", "rsa-1");
const ed = makeKey("EdDSA", "ed-1");
const keyOf = new Map<TestKey, VerificationKey>();
for (const key of [rsa, ed]) keyOf.set(key, await importVerificationKey(key.jwk, key.alg));

const moody = scriptUrl("test/workers/moody-jwt.ts");
const opened: VerifyPool[] = [];
after(() => Promise.all(opened.map((pool) => pool.close())));

function makePool(options: Partial<VerifyPoolOptions> = {}): VerifyPool {
  const pool = createVerifyPool({
    threads: 1,
    clock: systemClock,
    metrics: createMetrics(),
    log: silentLog,
    ...options,
  });
  opened.push(pool);
  return pool;
}
function taskOf(key: TestKey, input: string, signed = input): VerifyTask {
  return { signingInput: input, signature: signInput(key, signed), key: keyOf.get(key)! };
}
const isOverloaded = (error: unknown) =>
  error instanceof AppError &&
  error.code === "overloaded" &&
  error.headers?.["retry-after"] === "1";

test("until it is started a pool checks inline, without a promise", async () => {
  const pool = makePool();
  assert.equal(pool.verify(taskOf(rsa, "a.b")), true);
  assert.equal(pool.verify(taskOf(rsa, "a.b", "a.c")), false);
  const started = pool.start();
  assert.equal(pool.stats().state, "warming");
  assert.equal(pool.verify(taskOf(rsa, "a.b")), true);
  await started;
  assert.equal(pool.stats().state, "warm");
  assert.ok(pool.verify(taskOf(rsa, "a.b")) instanceof Promise);
});

test("each token of a batch gets its own verdict", async () => {
  const pool = makePool();
  await pool.start();
  const tasks = Array.from({ length: 300 }, (_, index) => {
    const key = index % 3 === 0 ? rsa : ed;
    return taskOf(key, `h.${index}`, index % 5 === 0 ? "h.x" : `h.${index}`);
  });
  const verdicts = await Promise.all(tasks.map(async (task) => pool.verify(task)));
  assert.deepEqual(
    verdicts,
    tasks.map((_, index) => index % 5 !== 0),
  );
  const { tokens, batches, waiting, batchesInFlight } = pool.stats();
  assert.deepEqual([tokens, waiting, batchesInFlight], [300, 0, 0]);
  assert.equal(batches, Math.ceil(300 / verifyPoolLimits.batchTokensMax));
});

test("a key of the same kid and other material is another key", async () => {
  const pool = makePool();
  await pool.start();
  const twin = makeKey("EdDSA", "ed-1");
  const key = await importVerificationKey(twin.jwk, "EdDSA");
  assert.equal(await pool.verify(taskOf(ed, "a.b")), true);
  const byTwin = { signingInput: "a.b", signature: signInput(twin, "a.b") };
  assert.equal(await pool.verify({ ...byTwin, key }), true);
  assert.equal(await pool.verify({ ...byTwin, key: keyOf.get(ed)! }), false);
});

test("more keys than a thread keeps are checked all the same", async () => {
  const pool = makePool();
  await pool.start();
  for (let round = 0; round < verifyPoolLimits.workerKeysMax + 10; round++) {
    const fresh = makeKey("EdDSA", `key-${round}`);
    const key = await importVerificationKey(fresh.jwk, "EdDSA");
    const signature = signInput(fresh, "a.b");
    assert.equal(await pool.verify({ signingInput: "a.b", signature, key }), true);
  }
  assert.equal(await pool.verify(taskOf(ed, "a.b")), true);
});

test("a shared secret does not leave the thread", async () => {
  const pool = makePool();
  await pool.start();
  const keyObject = createSecretKey(randomBytes(32));
  const key = { kid: "hs", alg: "HS256" as const, id: "hs", keyObject, jwk: undefined };
  assert.equal(pool.verify({ signingInput: "a.b", signature: "AAAA", key }), false);
  assert.equal(pool.stats().tokens, 0);
});

test("at most two batches a thread are under way, and what waits is bounded", async () => {
  const pool = makePool({ worker: moody, batchDeadlineMs: 1_500 });
  await pool.start();
  const { batchTokensMax, batchesPerThreadMax, waitingTokensMax } = verifyPoolLimits;
  const stuck = taskOf(ed, "hang.b");
  const most = batchTokensMax * batchesPerThreadMax + waitingTokensMax;
  const outcomes = Array.from({ length: most }, () => Promise.resolve(pool.verify(stuck)));
  const settled = Promise.allSettled(outcomes);
  assert.deepEqual(
    [pool.stats().batchesInFlight, pool.stats().waiting],
    [batchesPerThreadMax, waitingTokensMax],
  );
  await assert.rejects(async () => pool.verify(stuck), isOverloaded);
  assert.equal(pool.stats().overloads, 1);
  // The thread hangs: past the deadline everybody is told to come again.
  for (const one of await settled) assert.ok(one.status === "rejected" && isOverloaded(one.reason));
});

test("threads that hang are replaced, and the new ones verify", async () => {
  const { log, lines } = capturedLog();
  const pool = makePool({ worker: moody, batchDeadlineMs: 200, log });
  await pool.start();
  const lost = pool.verify(taskOf(ed, "hang.b"));
  await assert.rejects(async () => lost, isOverloaded);
  assert.deepEqual([pool.stats().restarts, pool.stats().state], [1, "warming"]);
  assert.equal(pool.verify(taskOf(ed, "a.b")), true, "inline in the meantime");
  while (pool.stats().state === "warming") await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await pool.verify(taskOf(ed, "a.b")), true);
  assert.equal(await pool.verify(taskOf(ed, "a.b", "a.c")), false);
  assert.equal(pool.stats().restarts, 1);
  assert.ok(lines.some(({ level }) => level === "error"));
});

test("a batch that fails refuses its tokens and no others", async () => {
  // A new thread takes its time to start on a busy machine.
  const pool = makePool({ worker: moody, batchDeadlineMs: 60_000 });
  await pool.start();
  await assert.rejects(async () => pool.verify(taskOf(ed, "throw.b")), isOverloaded);
  assert.equal(await pool.verify(taskOf(ed, "a.b")), true);
  await assert.rejects(async () => pool.verify(taskOf(ed, "die.b")), isOverloaded);
  assert.equal(await pool.verify(taskOf(ed, "a.b")), true);
  assert.equal(pool.stats().restarts, 0);
});

test("a pool that closes finishes what is under way and refuses what waits", async () => {
  const pool = makePool();
  await pool.start();
  const { batchTokensMax, batchesPerThreadMax } = verifyPoolLimits;
  const task = taskOf(rsa, "a.b");
  const underWay = Array.from({ length: batchTokensMax * batchesPerThreadMax }, async () =>
    pool.verify(task),
  );
  const waits = Promise.allSettled([Promise.resolve(pool.verify(task))]);
  await pool.close();
  assert.ok((await Promise.all(underWay)).every(Boolean));
  const [late] = await waits;
  assert.ok(late.status === "rejected" && isOverloaded(late.reason));
  assert.equal(pool.stats().state, "closed");
  assert.equal(pool.verify(task), true);
});

test("a pool that was never started closes", async () => {
  await makePool().close();
});

test("a worker file that does not load leaves the pool checking inline", async () => {
  const { log, lines } = capturedLog();
  const pool = makePool({ worker: new URL("./missing.ts", moody), log });
  await pool.start();
  assert.equal(pool.stats().state, "warming");
  assert.equal(pool.verify(taskOf(ed, "a.b")), true);
  assert.ok(lines.some(({ message }) => message === "the verify pool did not start"));
});

test("what the pool did is in the metrics", async () => {
  const metrics = createMetrics();
  const pool = makePool({ metrics });
  await pool.start();
  await pool.verify(taskOf(ed, "a.b"));
  const names = metrics.layout().map(({ name }) => name);
  assert.ok(names.includes("brigade_verify_waiting_tokens"));
  const counter = metrics.counter(
    "brigade_verify_tokens_total",
    "Signatures checked by the verify pool",
  );
  assert.equal(counter.value(), 1);
});

test("the inline check is a plain value", () => {
  assert.equal(verifyInline(taskOf(ed, "a.b")), true);
  assert.equal(verifyInline(taskOf(ed, "a.b", "b.a")), false);
});
