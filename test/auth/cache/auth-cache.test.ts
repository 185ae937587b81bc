import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthCache, type AuthCache } from "../../../src/auth/cache/auth-cache.ts";
import { createGenerations } from "../../../src/auth/cache/generations.ts";
import { tokenDigest } from "../../../src/auth/token/digest.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { renderPrometheus } from "../../../src/platform/metrics-text.ts";
import { ISSUER, fillOf, principalOf, tinyMemory } from "./fixtures.ts";

const TOKEN = "header.payload.signature-of-ana-0123456789";

/** Two HTTP threads over one memory. */
function setUp(options: { threads?: number; entriesMax?: number; slotBytes?: number } = {}) {
  const { slotBytes = 1_024, threads = 2 } = options;
  const memory = tinyMemory({ slotBytes, threads });
  const { shared, clock } = memory;
  const metrics = createMetrics();
  let digests = 0;
  const open = (spawn: number): AuthCache =>
    createAuthCache({
      shared: structuredClone(shared),
      generations: createGenerations(shared),
      clock,
      ttlSeconds: 300,
      spawn,
      digest: (token) => {
        digests++;
        return tokenDigest(token, "rules");
      },
      metrics: spawn === 1 ? metrics : createMetrics(),
      ...(options.entriesMax === undefined ? {} : { entriesMax: options.entriesMax }),
    });
  return {
    ...memory,
    metrics,
    one: open(1),
    two: open(2),
    digests: () => digests,
    now: () => clock.nowSeconds(),
  };
}

test("a token moves to the other threads at its second use, and is one value in each", () => {
  const { generations, one, two, now, digests } = setUp();
  const fill = fillOf(generations, "ana");
  assert.equal(one.lookup(TOKEN, now()), undefined);
  one.fill(TOKEN, fill);
  assert.equal(two.lookup(TOKEN, now()), undefined, "seen once, it is not shared");
  const hit = one.lookup(TOKEN, now());
  assert.deepEqual(hit?.principal, fill.principal);
  const moved = two.lookup(TOKEN, now());
  assert.deepEqual(moved?.principal, fill.principal);
  assert.deepEqual(moved?.claims, fill.claims);
  assert.deepEqual(moved?.captured, fill.captured);
  const before = digests();
  assert.equal(two.lookup(TOKEN, now()), moved);
  assert.equal(one.lookup(TOKEN, now()), hit);
  assert.equal(digests(), before, "a hit of the first level computes no digest");
  assert.equal(two.lookup(`x${TOKEN}`, now()), undefined);
  const { hits, tableHits, misses } = two.stats();
  assert.deepEqual({ hits, tableHits, misses }, { hits: 1, tableHits: 1, misses: 2 });
});

test("everything that is handed out is frozen all the way down", () => {
  const { generations, one, two, now } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  for (const cache of [one, two]) {
    const { claims, principal } = cache.lookup(TOKEN, now())!;
    const parts = [claims, claims.amr, claims.audiences, principal, principal!.permissions];
    for (const part of [...parts, principal!.permissions.products_catalog]) {
      assert.ok(Object.isFrozen(part));
    }
  }
});

test("with one HTTP thread nothing is shared and no digest is computed", () => {
  const { generations, one, two, now, digests } = setUp({ threads: 1 });
  one.fill(TOKEN, fillOf(generations, "ana"));
  assert.ok(one.lookup(TOKEN, now())?.principal);
  assert.ok(one.lookup(TOKEN, now())?.principal);
  assert.equal(two.lookup(TOKEN, now()), undefined);
  assert.equal(digests(), 0);
});

test("an invalidation ends an entry for every thread at once", () => {
  const { generations, one, two, now } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  one.lookup(TOKEN, now());
  assert.ok(two.lookup(TOKEN, now())?.principal);
  generations.bump({ kind: "session", id: "session-ana" });
  for (const cache of [one, two]) {
    const found = cache.lookup(TOKEN, now());
    assert.equal(found?.principal, undefined);
    assert.equal(found?.claims.subject, "ana", "the signature need not be checked again");
    assert.equal(cache.stats().claimsHits, 1);
  }
  generations.bump({ kind: "issuer", issuer: ISSUER });
  assert.equal(one.lookup(TOKEN, now()), undefined);
  assert.equal(two.lookup(TOKEN, now()), undefined);
});

test("look-ups done again for known claims are filled under what was captured before them", () => {
  const { generations, one, two, now } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  one.lookup(TOKEN, now());
  generations.bump({ kind: "roles" });
  const found = one.lookup(TOKEN, now())!;
  assert.equal(found.principal, undefined);
  const principal = principalOf("ana", { iam: ["administrator"] });
  one.fill(TOKEN, { ...found, principal });
  assert.deepEqual(one.lookup(TOKEN, now())?.principal, principal);
  assert.deepEqual(two.lookup(TOKEN, now())?.principal, principal, "and replaced in the table");
  // A second change during the look-ups: their result is stale at once.
  generations.bump({ kind: "roles" });
  const again = two.lookup(TOKEN, now())!;
  generations.bump({ kind: "roles" });
  two.fill(TOKEN, { ...again, principal });
  assert.equal(two.lookup(TOKEN, now())?.principal, undefined);
});

test("a key withdrawn during look-ups for known claims is not forgotten", () => {
  const { generations, one, now } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  generations.bump({ kind: "roles" });
  const found = one.lookup(TOKEN, now())!;
  generations.bump({ kind: "issuer", issuer: ISSUER });
  one.fill(TOKEN, { ...found, principal: principalOf("ana") });
  assert.equal(one.lookup(TOKEN, now()), undefined);
});

test("another thread's newer look-up is used instead of a new one", () => {
  const { generations, one, two, now } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  one.lookup(TOKEN, now());
  two.lookup(TOKEN, now());
  generations.bump({ kind: "roles" });
  const found = one.lookup(TOKEN, now())!;
  one.fill(TOKEN, { ...found, principal: principalOf("ana", { iam: ["user"] }) });
  one.lookup(TOKEN, now());
  assert.deepEqual(two.lookup(TOKEN, now())?.principal?.roles, { iam: ["user"] });
});

test("claims alone in the table are found by a thread that never saw the token", () => {
  const { generations, one, two, now } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  one.lookup(TOKEN, now());
  generations.bump({ kind: "roles" });
  const found = two.lookup(TOKEN, now())!;
  assert.equal(found.principal, undefined);
  two.fill(TOKEN, { ...found, principal: principalOf("ana") });
  assert.ok(two.lookup(TOKEN, now())?.principal);
});

test("an entry ends with the cache time, with exp, and with neither clock alone later", () => {
  const { generations, one, two, now, clock } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  one.lookup(TOKEN, now());
  clock.advanceMs(299_000);
  assert.ok(one.lookup(TOKEN, now())?.principal);
  clock.advanceMs(1_000);
  assert.equal(one.lookup(TOKEN, now()), undefined);
  assert.equal(two.lookup(TOKEN, now()), undefined);

  const short = { ...fillOf(generations, "ana"), expiresAt: now() + 10 };
  one.fill(TOKEN, short);
  assert.ok(one.lookup(TOKEN, now() + 9)?.principal);
  assert.equal(one.lookup(TOKEN, now() + 10), undefined);
  one.fill(TOKEN, short);
  // The wall clock is set back by an hour: ten seconds are ten seconds.
  const wall = clock.nowMs();
  clock.advanceMs(10_000);
  clock.setWallMs(wall - 3_600_000);
  assert.equal(one.lookup(TOKEN, now()), undefined);
});

test("claims that are used again keep their first end", () => {
  const { generations, one, now, clock } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  clock.advanceMs(200_000);
  generations.bump({ kind: "roles" });
  one.fill(TOKEN, { ...one.lookup(TOKEN, now())!, principal: principalOf("ana") });
  clock.advanceMs(99_000);
  assert.ok(one.lookup(TOKEN, now())?.principal);
  clock.advanceMs(1_000);
  assert.equal(one.lookup(TOKEN, now()), undefined);
});

test("a fill that is past already is not kept", () => {
  const { generations, one, now } = setUp();
  one.fill(TOKEN, { ...fillOf(generations, "ana"), expiresAt: now() });
  assert.equal(one.stats().live, 0);
});

test("a refused token drops its own entry and no other", () => {
  const { generations, one, now } = setUp();
  one.fill(TOKEN, fillOf(generations, "ana"));
  one.fill(`${TOKEN}-2`, fillOf(generations, "bo"));
  one.drop(TOKEN);
  one.drop("never seen");
  assert.equal(one.lookup(TOKEN, now()), undefined);
  assert.ok(one.lookup(`${TOKEN}-2`, now())?.principal);
});

test("an entry that does not fit a slot stays in the first level and is counted once", () => {
  const { generations, one, two, now } = setUp({ slotBytes: 128 });
  one.fill(TOKEN, fillOf(generations, "ana"));
  assert.ok(one.lookup(TOKEN, now())?.principal);
  assert.ok(one.lookup(TOKEN, now())?.principal);
  assert.equal(one.stats().tooLarge, 1);
  assert.equal(two.lookup(TOKEN, now()), undefined);
});

test("a fill that finds its bucket busy is tried again at the next uses, not for ever", () => {
  const { generations, one, two, now, shared } = setUp();
  const words = new Int32Array(shared.claims);
  const slotWords = shared.claimsSlotBytes / 4;
  // Another thread is writing each of the four.
  for (let slot = 0; slot < 4; slot++) Atomics.store(words, slot * slotWords, 99);
  one.fill(TOKEN, fillOf(generations, "ana"));
  one.lookup(TOKEN, now());
  assert.equal(one.stats().contended, 1);
  Atomics.store(words, 0, 4);
  one.lookup(TOKEN, now());
  assert.ok(two.lookup(TOKEN, now())?.principal);
  Atomics.store(words, 0, 99);
  one.fill(TOKEN, fillOf(generations, "ana"));
  for (let use = 0; use < 10; use++) one.lookup(TOKEN, now());
  assert.equal(one.stats().contended, 4);
});

test("five tokens in a bucket of four: one goes, and it is counted", () => {
  const { generations, one, now } = setUp();
  for (const name of ["a", "b", "c", "d", "e"]) {
    one.fill(`${name}.${TOKEN}${name}`, fillOf(generations, name));
    one.lookup(`${name}.${TOKEN}${name}`, now());
  }
  assert.equal(one.stats().tableEvictions, 1);
});

test("past entries are swept with the fills and when asked to; the number is bounded", () => {
  const { generations, one, clock } = setUp({ entriesMax: 100 });
  for (let token = 0; token < 1_000; token++) {
    one.fill(`token-number-${token}-of-many-tokens`, fillOf(generations, "ana"));
    assert.ok(one.stats().live <= 100);
  }
  assert.ok(one.stats().evictions >= 900);
  clock.advanceMs(301_000);
  one.fill(TOKEN, fillOf(generations, "ana"));
  assert.equal(one.stats().live, 1);
  clock.advanceMs(301_000);
  one.sweep();
  assert.equal(one.stats().live, 0);
});

test("what the cache does is on the metrics page", () => {
  const { generations, one, now, metrics } = setUp();
  one.lookup(TOKEN, now());
  one.fill(TOKEN, fillOf(generations, "ana"));
  one.lookup(TOKEN, now());
  metrics.refresh();
  const text = renderPrometheus([{ layout: metrics.layout(), block: metrics.block }]);
  assert.match(text, /^brigade_auth_cache_lookups_total\{result="miss"\} 1$/m);
  assert.match(text, /^brigade_auth_cache_lookups_total\{result="first_level"\} 1$/m);
  assert.match(text, /^brigade_auth_cache_entries 1$/m);
});
