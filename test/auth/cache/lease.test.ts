import assert from "node:assert/strict";
import { test } from "node:test";
import { createLease } from "../../../src/auth/cache/lease.ts";
import type { Clock } from "../../../src/platform/clock.ts";
import { tinyMemory } from "./fixtures.ts";

/** Both clocks of their own: one may stand still or jump. */
function setUp() {
  const { shared, clock: start } = tinyMemory();
  let monotonic = start.monotonicMs();
  let wall = start.nowMs();
  const clock: Clock = {
    monotonicMs: () => monotonic,
    nowMs: () => wall,
    nowSeconds: () => Math.floor(wall / 1000),
  };
  const lease = createLease(shared, clock);
  return {
    shared,
    clock,
    lease,
    grant: (leaseMs = 4_500) => lease.grant(monotonic, wall, leaseMs),
    move(monotonicMs: number, wallMs = monotonicMs) {
      monotonic += monotonicMs;
      wall += wallMs;
    },
  };
}

test("a lease holds from its grant to its end, and never before the first grant", () => {
  const { lease, grant, move } = setUp();
  assert.ok(!lease.holds());
  assert.ok(!lease.holds(60_000));
  grant();
  assert.ok(lease.holds());
  move(4_460);
  assert.ok(lease.holds());
  move(40);
  assert.ok(!lease.holds());
  grant();
  assert.ok(lease.holds());
});

test("the end is never late: now is rounded up, the start and the length down", () => {
  for (let offset = 0; offset < 64; offset += 3) {
    const { lease, grant, move } = setUp();
    move(offset);
    grant(4_490);
    move(4_490);
    assert.ok(!lease.holds(), `offset ${offset} ms`);
  }
});

test("a machine that slept: the monotonic clock stood still, the wall clock ends the lease", () => {
  const { lease, grant, move } = setUp();
  grant();
  move(10, 3_600_000);
  assert.ok(!lease.holds());
});

test("a wall clock that is set back lengthens nothing", () => {
  const { lease, grant, move } = setUp();
  grant();
  move(4_500, -86_400_000);
  assert.ok(!lease.holds());
});

test("an absurd wall clock ends a lease, and does not keep a new one from holding", () => {
  const { lease, grant, move } = setUp();
  grant();
  move(10, 1e15);
  assert.ok(!lease.holds());
  // Nor is a server refused for ever because its clock is wrong.
  grant();
  assert.ok(lease.holds());
});

test("a longer stale time counts from the same start, a shorter one too", () => {
  const { lease, grant, move } = setUp();
  grant();
  move(5_000);
  assert.ok(!lease.holds());
  assert.ok(lease.holds(60_000));
  assert.ok(!lease.holds(1_000));
  move(55_000);
  assert.ok(!lease.holds(60_000));
});

test("every thread sees the grant, and its end when main takes it back", () => {
  const { shared, clock, lease, grant } = setUp();
  const other = createLease(structuredClone(shared), clock);
  grant();
  assert.ok(other.holds());
  lease.revoke();
  assert.ok(!other.holds());
});
