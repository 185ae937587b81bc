import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createFlights } from "../../../src/auth/admission/flights.ts";
import type { Verdict } from "../../../src/auth/admission/verdict.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { isRejection, platformErrors, type Rejection } from "../../../src/platform/errors.ts";
import { testSeed, testSize } from "../../support/size.ts";

const INVALID = platformErrors.rejection("not_found");
const GIVE_UP = platformErrors.rejection("unavailable");
const WHO = Object.freeze({ userId: "u" }) as Principal;

function createTestFlights() {
  const counts = { joined: 0, flown: 0 };
  const landed: number[] = [];
  const flights = createFlights({
    againMax: 2,
    giveUp: GIVE_UP,
    onJoined: () => counts.joined++,
    clock: systemClock,
    onLanded: (seconds) => landed.push(seconds),
  });
  return { flights, counts, landed };
}

test("many callers of one token make one flight", async () => {
  const { flights, counts, landed } = createTestFlights();
  let land: (verdict: Verdict) => void = () => {};
  const begin = (): Principal | Rejection | Promise<Principal | Rejection> => {
    const flight = flights.of("t");
    if (flight !== undefined) return flights.join("t", flight, begin);
    counts.flown++;
    return flights.lead("t", () => new Promise((resolve) => (land = resolve)));
  };
  const callers = Array.from({ length: 50 }, async () => begin());
  assert.equal(flights.count(), 1);
  land({ outcome: WHO, isCurrent: () => true });
  for (const outcome of await Promise.all(callers)) assert.equal(outcome, WHO);
  assert.deepEqual(counts, { joined: 49, flown: 1 });
  assert.equal(landed.length, 1, "one flight is measured once, whoever waits for it");
  assert.equal(flights.count(), 0, "nothing is kept");
});

test("a waiter that is overtaken again and again gives up with 503", async () => {
  const { flights } = createTestFlights();
  const stale: Verdict = { outcome: WHO, isCurrent: () => false };
  let began = 0;
  let flown = 0;
  // Whenever a flight lands, another caller begins the next one before the waiter wakes.
  const lead = () => {
    const led = flights.lead("t", async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return stale;
    });
    if (++flown < 4) void flights.of("t")!.then(lead);
    return led;
  };
  const leader = lead();
  const waiter = flights.join("t", flights.of("t")!, () => {
    began++;
    return WHO;
  });
  assert.equal(await leader, WHO, "who leads came before its flight");
  assert.equal(await waiter, GIVE_UP);
  assert.equal(began, 0);
  assert.equal(flown, 4, "three flights waited for, the fourth was not");
});

/**
 * The world of `flight.pml`: a session is alive until it is revoked (row first, then the
 * generation), flights capture the generation before they look at the row, in any interleaving.
 */
test("no caller that comes after a revocation is let in, in any order of events", async () => {
  const seed = testSeed();
  let letIn = 0;
  let refusedLate = 0;
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 5 }), async (scheduler, size) => {
      const { flights } = createTestFlights();
      let alive = true;
      let generation = 0;
      let revokedAt = Infinity;
      let time = 0;

      const fly = async (): Promise<Verdict> => {
        const captured = generation;
        await scheduler.schedule(Promise.resolve(), "signature");
        const found = alive;
        await scheduler.schedule(Promise.resolve(), "answer");
        return { outcome: found ? WHO : INVALID, isCurrent: () => generation === captured };
      };
      const begin = (): Principal | Rejection | Promise<Principal | Rejection> => {
        const flight = flights.of("t");
        if (flight !== undefined) return flights.join("t", flight, begin);
        return flights.lead("t", fly);
      };
      const call = async () => {
        await scheduler.schedule(Promise.resolve(), "arrival");
        const arrivedAt = time++;
        const outcome = await begin();
        if (isRejection(outcome)) {
          if (arrivedAt > revokedAt) refusedLate++;
          assert.ok(!alive, "nobody is refused before");
          return;
        }
        letIn++;
        assert.ok(arrivedAt < revokedAt, "let in after the revocation had returned");
      };
      const revoke = async () => {
        await scheduler.schedule(Promise.resolve(), "commit");
        alive = false;
        await scheduler.schedule(Promise.resolve(), "bump");
        generation++;
        revokedAt = time++;
      };
      const all = [revoke(), ...Array.from({ length: size }, call)];
      await scheduler.waitFor(Promise.all(all));
    }),
    { seed, numRuns: testSize(400, 20_000) },
  );
  assert.ok(letIn > 0 && refusedLate > 0, "both sides were seen");
});
