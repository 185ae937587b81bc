import assert from "node:assert/strict";
import { test } from "node:test";
import { createRemotePasswords } from "../../../src/auth/password/remote.ts";
import { platformErrors } from "../../../src/platform/errors.ts";

const GOOD = { ok: true, rehash: false };

function setUp(options: { tasksOfAll?: () => number; queueMax?: number } = {}) {
  const waiting: ((value: unknown) => void)[] = [];
  const request = () => new Promise<unknown>((resolve) => waiting.push(resolve));
  const { tasksOfAll = () => 0, queueMax = 3 } = options;
  const passwords = createRemotePasswords({ port: { request }, tasksOfAll, threads: 1, queueMax });
  return { passwords, waiting };
}

test("there are as many places as tasks that may run and wait, and each is given back once", () => {
  const { passwords } = setUp();
  const places = Array.from({ length: 4 }, () => passwords.takePlace!());
  assert.throws(
    () => passwords.takePlace!(),
    (error: { code: string; headers: object }) => {
      assert.equal(error.code, "overloaded");
      assert.ok("retry-after" in error.headers);
      return true;
    },
  );
  places[0]!.release();
  places[0]!.release();
  passwords.takePlace!();
  assert.throws(() => passwords.takePlace!(), { code: "overloaded" });
});

test("tasks of other threads take places too, and our own are not counted twice", async () => {
  let ofAll = 0;
  const { passwords, waiting } = setUp({ tasksOfAll: () => ofAll });
  const place = passwords.takePlace!();
  const verdict = passwords.verify("secret", undefined);
  // Main has one of ours and two of another thread: one place is left.
  ofAll = 3;
  passwords.takePlace!();
  assert.throws(() => passwords.takePlace!(), { code: "overloaded" });
  waiting[0]!(GOOD);
  assert.deepEqual(await verdict, GOOD);
  place.release();
  ofAll = 2;
  passwords.takePlace!();
});

test("work without a place, such as a registration's, counts while main has it", async () => {
  const { passwords, waiting } = setUp();
  const work = Array.from({ length: 4 }, () => passwords.hash("secret"));
  assert.throws(() => passwords.takePlace!(), { code: "overloaded" });
  for (const finish of waiting) finish("hash");
  await Promise.all(work);
  passwords.takePlace!();
});

test("a refusal of main is passed on, and its place is free again", async () => {
  const request = () => Promise.reject(platformErrors.failure("overloaded"));
  const passwords = createRemotePasswords({
    port: { request },
    tasksOfAll: () => 0,
    threads: 1,
    queueMax: 0,
  });
  await assert.rejects(passwords.verify("secret", undefined), { code: "overloaded" });
  passwords.takePlace!();
});
