import assert from "node:assert/strict";
import { MessageChannel } from "node:worker_threads";
import { after, test } from "node:test";
import {
  createPasswordPool,
  handlePasswordRequest,
  type PasswordPool,
} from "../../../src/auth/password/pool.ts";
import { createRemotePasswords } from "../../../src/auth/password/remote.ts";
import { AppError } from "../../../src/platform/errors.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { createPort } from "../../../src/platform/thread-port.ts";
import { capturedLog } from "../../support/log.ts";

const captured = capturedLog();
const pools: PasswordPool[] = [];
after(() => Promise.all(pools.map((pool) => pool.close())));

function makePool(queueMax = 64, passwordHash: "argon2id" | "bcrypt" = "argon2id"): PasswordPool {
  const config = { passwordThreads: 1, passwordHash };
  const pool = createPasswordPool({
    config,
    queueMax,
    metrics: createMetrics(),
    log: captured.log,
  });
  pools.push(pool);
  return pool;
}

const SECRET = "a very secret password";
const codeOf = (error: unknown) => (error instanceof AppError ? error.code : String(error));
const refusal = (work: Promise<unknown>) => work.then(() => "done", codeOf);

const pool = makePool(4);

test("real hashes are made and compared on the pool's thread", async () => {
  const hash = await pool.hash(SECRET);
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.deepEqual(await pool.verify(SECRET, hash), { ok: true, rehash: false });
  assert.deepEqual(await pool.verify("other", hash), { ok: false, rehash: false });
  assert.deepEqual(await pool.verify(SECRET, undefined), { ok: false, rehash: false });
  assert.deepEqual(await pool.assess("password", []), { score: 0, isCommon: true });
  assert.equal(await pool.matches(SECRET, [await pool.hash("other"), hash]), true);
  assert.equal(await pool.matches("a third", [hash]), false);
  assert.equal(await pool.matches("a third", []), false);
  assert.equal(pool.stats().done, 9);
});

test("a full queue refuses with Retry-After, at once and for all callers together", async () => {
  const work = Array.from({ length: 8 }, () => pool.hash(SECRET));
  const outcomes = await Promise.all(work.map(refusal));
  assert.deepEqual(outcomes.toSorted(), [...Array(5).fill("done"), ...Array(3).fill("overloaded")]);
  const more = Array.from({ length: 6 }, () => pool.hash(SECRET));
  const error = await more[5]!.catch((thrown: AppError) => thrown);
  assert.ok(error instanceof AppError);
  assert.deepEqual([error.status, error.headers], [503, { "retry-after": "1" }]);
  assert.doesNotMatch(JSON.stringify(error) + error.stack, /secret password/);
  await Promise.allSettled(more);
  assert.equal(pool.stats().refused, 4);
});

test("what waits is cancelled by its signal and never done; what runs is finished", async () => {
  const before = pool.stats().done;
  const running = pool.hash(SECRET);
  const controller = new AbortController();
  const waiting = [1, 2].map(() => pool.hash(SECRET, controller.signal));
  const last = pool.hash(SECRET);
  controller.abort();
  assert.deepEqual(await Promise.all(waiting.map(refusal)), ["unavailable", "unavailable"]);
  assert.equal(await refusal(pool.hash(SECRET, controller.signal)), "unavailable");
  await Promise.all([running, last]);
  assert.equal(pool.stats().done - before, 2);
  assert.equal(pool.stats().cancelled, 3);
  const late = new AbortController();
  const begun = pool.hash(SECRET, late.signal);
  late.abort();
  assert.match(await begun, /^\$argon2id/);
});

test("another thread asks by messages; its deadline and abort cancel what waits", async () => {
  const { port1, port2 } = new MessageChannel();
  const main = createPort(port1);
  main.serve("password", handlePasswordRequest(pool));
  const remote = createRemotePasswords({
    port: createPort(port2),
    tasksOfAll: () => 0,
    threads: 1,
  });
  try {
    const hash = await remote.hash(SECRET);
    assert.deepEqual(await remote.verify(SECRET, hash), { ok: true, rehash: false });
    assert.deepEqual(await remote.assess("password", ["x"]), { score: 0, isCommon: true });
    assert.equal(await remote.matches(SECRET, [hash]), true);
    const before = pool.stats();
    const controller = new AbortController();
    const busy = pool.hash(SECRET);
    const waiting = remote.hash(SECRET, controller.signal);
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    assert.equal(await refusal(waiting), "unavailable");
    await busy;
    const full = await Promise.all(Array.from({ length: 7 }, () => refusal(remote.hash(SECRET))));
    assert.ok(full.includes("overloaded"), "the refusal keeps its code on the way");
    assert.ok(pool.stats().done - before.done <= 6);
  } finally {
    port1.close();
  }
});

test("PASSWORD_HASH=bcrypt makes bcrypt hashes and moves argon2id ones over", async () => {
  const other = makePool(64, "bcrypt");
  const [hash, argon] = await Promise.all([other.hash(SECRET), pool.hash(SECRET)]);
  assert.match(hash, /^\$2[ab]\$12\$/);
  assert.deepEqual(await other.verify(SECRET, argon), { ok: true, rehash: true });
});

test("a closed pool refuses; nothing that was logged holds a password", async () => {
  const other = makePool();
  await other.close();
  assert.equal(await refusal(other.hash(SECRET)), "overloaded");
  assert.doesNotMatch(captured.texts.join(), /secret password/);
});
