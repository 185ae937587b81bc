import assert from "node:assert/strict";
import { test } from "node:test";
import { createRemotePasswords } from "../../../src/auth/password/remote.ts";
import { platformErrors } from "../../../src/platform/errors.ts";
import { passwordLimits } from "../../../src/platform/limits.ts";
import { createManualClock } from "../../support/clock.ts";

test("a full queue is believed for a moment, and for no longer", async () => {
  const clock = createManualClock();
  let isFull = true;
  const request = () =>
    isFull
      ? Promise.reject(platformErrors.failure("overloaded"))
      : Promise.resolve({ ok: true, rehash: false });
  const passwords = createRemotePasswords({ request }, clock);
  passwords.assertRoom!();
  await assert.rejects(passwords.verify("secret", undefined), { code: "overloaded" });
  assert.throws(
    () => passwords.assertRoom!(),
    (error: { code: string; headers: object }) => {
      assert.equal(error.code, "overloaded");
      assert.ok("retry-after" in error.headers);
      return true;
    },
  );
  isFull = false;
  clock.advanceMs(passwordLimits.believedFullMs);
  passwords.assertRoom!();
  assert.deepEqual(await passwords.verify("secret", undefined), { ok: true, rehash: false });
  passwords.assertRoom!();
});

test("another failure says nothing about the queue", async () => {
  const request = () => Promise.reject(platformErrors.failure("unavailable"));
  const passwords = createRemotePasswords({ request }, createManualClock());
  await assert.rejects(passwords.hash("secret"), { code: "unavailable" });
  passwords.assertRoom!();
});
