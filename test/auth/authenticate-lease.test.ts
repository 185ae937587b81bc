import assert from "node:assert/strict";
import { test } from "node:test";
import { platformErrors } from "../../src/platform/errors.ts";
import { createRig, foreignToken, freshToken, LEASE_MS, settle } from "./authenticate-rig.ts";

test("when the lease is out a cached principal does not count, its signature verdict does", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.clock.advanceMs(LEASE_MS);
  const outcome = rig.authenticate(token);
  assert.ok(outcome instanceof Promise);
  assert.ok("userId" in (await outcome));
  assert.deepEqual(rig.counts, { verified: 1, sessions: 2, roles: 2, revokedTokens: 0 });
  // Revoked elsewhere, and nobody could tell us.
  rig.rows.session = undefined;
  assert.equal(await rig.ask(token), "token_invalid");
});

test("the wall clock alone ends the lease as well", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  // The machine slept, and the monotonic clock with it.
  rig.clock.setWallMs(rig.clock.nowMs() + LEASE_MS);
  assert.ok(rig.authenticate(token) instanceof Promise);
});

test("without a lease one look-up is in flight for all requests of a token", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.clock.advanceMs(LEASE_MS);
  const release = rig.hold();
  const requests = Array.from({ length: 50 }, () => rig.ask(token));
  await settle();
  release();
  for (const outcome of await Promise.all(requests)) assert.equal(outcome, "ok");
  assert.equal(rig.counts.sessions, 2);
});

test("the lease comes back: the cached principal counts again", async () => {
  const rig = createRig();
  const token = freshToken();
  const principal = await rig.authenticate(token);
  rig.clock.advanceMs(LEASE_MS);
  rig.renew();
  assert.equal(rig.authenticate(token), principal);
});

test("no lease and no database: 503 at once for a second, then another try", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.clock.advanceMs(LEASE_MS);
  rig.rows.failure = platformErrors.failure("unavailable");
  const first = await rig.authenticate(token);
  assert.ok("rejected" in first);
  assert.deepEqual([first.status, first.code], [503, "unavailable"]);
  assert.equal(first.headers?.["retry-after"], "1");
  const asked = { ...rig.counts };
  rig.clock.advanceMs(999);
  for (const anyToken of [token, freshToken()]) {
    const outcome = rig.authenticate(anyToken);
    assert.ok("rejected" in outcome, "at once");
    assert.equal(outcome.status, 503);
  }
  assert.deepEqual(rig.counts, asked, "nobody was asked");
  rig.clock.advanceMs(1);
  assert.equal(await rig.ask(token), "unavailable");
  rig.rows.failure = undefined;
  rig.clock.advanceMs(1_000);
  assert.equal(await rig.ask(token), "ok");
  assert.equal(rig.counts.verified, 1, "the signature verdict outlived all of it");
});

test("any failure of a look-up is 503, also one that nobody foresaw", async () => {
  const rig = createRig();
  rig.rows.failure = new TypeError("a bug");
  assert.equal(await rig.ask(freshToken()), "unavailable");
  assert.ok(rig.lines.some((line) => line["event"] === "look_up_failed"));
});

test("a look-up that hangs is given up", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const rig = createRig();
  const release = rig.hold();
  const outcome = rig.ask(freshToken());
  await settle();
  t.mock.timers.tick(1_000);
  assert.equal(await outcome, "unavailable");
  release();
});

test("within the lease callers we know do not notice that the database is away", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.rows.failure = platformErrors.failure("unavailable");
  assert.equal(await rig.ask(freshToken()), "unavailable");
  assert.equal(await rig.ask(token), "ok");
});

test("an issuer's own tolerance replaces the lease for its tokens", async () => {
  const rig = createRig({ foreignStaleMs: 60_000 });
  const [own, foreign] = [freshToken(), foreignToken()];
  assert.equal(await rig.ask(own), "ok");
  assert.equal(await rig.ask(foreign), "ok");
  rig.rows.failure = platformErrors.failure("unavailable");
  rig.clock.advanceMs(59_000);
  assert.equal(await rig.ask(own), "unavailable");
  assert.equal(await rig.ask(foreign), "ok");
  rig.clock.advanceMs(1_000);
  assert.equal(await rig.ask(foreign), "unavailable", "from the same moment, not added");
});

test("without a lease our keys count only while they are the stored ones", async () => {
  const rig = createRig();
  const token = freshToken();
  // With a lease the bus vouches for the keys: nobody is asked.
  rig.rows.areKeysCurrent = false;
  assert.equal(await rig.ask(token), "ok");
  rig.clock.advanceMs(LEASE_MS);
  assert.equal(await rig.ask(token), "unavailable", "its key may be withdrawn");
  rig.clock.advanceMs(2_000);
  assert.equal(await rig.ask(freshToken()), "unavailable", "so may the key of a new one");
  rig.clock.advanceMs(2_000);
  rig.rows.areKeysCurrent = true;
  assert.equal(await rig.ask(token), "ok");
});
