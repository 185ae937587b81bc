import assert from "node:assert/strict";
import { test } from "node:test";
import { createGenerations } from "../../../src/auth/cache/generations.ts";
import type { InvalidationKey } from "../../../src/auth/index.ts";
import { createSharedMemory } from "../../../src/platform/shared-memory.ts";
import { ISSUER, tinyMemory } from "./fixtures.ts";

const DEPENDENCIES = {
  issuer: ISSUER,
  subject: "s1",
  sessionId: "sid",
  tokenId: "jti",
  tenantId: "tenant",
};

const BUMPS: readonly (readonly [InvalidationKey, boolean])[] = [
  [{ kind: "global" }, false],
  [{ kind: "issuer", issuer: ISSUER }, false],
  [{ kind: "roles" }, true],
  [{ kind: "identity", issuer: ISSUER, subject: "s1" }, true],
  [{ kind: "session", id: "sid" }, true],
  [{ kind: "token", id: "jti" }, true],
  [{ kind: "tenant", id: "tenant" }, true],
];

for (const [key, keepsClaims] of BUMPS) {
  const rest = keepsClaims ? "keeps its claims" : "ends its claims";
  test(`a bump of the ${key.kind} word ends what depends on it and ${rest}`, () => {
    const { generations } = tinyMemory();
    const indexes = generations.indexesOf(DEPENDENCIES);
    const captured = generations.capture(indexes);
    assert.ok(generations.current(indexes, captured));
    generations.bump(key);
    assert.ok(!generations.current(indexes, captured));
    assert.equal(generations.claimsCurrent(indexes, captured), keepsClaims);
  });
}

for (const [key] of BUMPS) {
  test(`what depends on the ${key.kind} word alone ends with it and with everything`, () => {
    const { generations } = tinyMemory();
    const indexes = generations.indexesOfKeys([key]);
    for (const bumped of [key, { kind: "global" } as const]) {
      const captured = generations.capture(indexes);
      generations.bump({ kind: "session", id: "another" });
      assert.ok(generations.current(indexes, captured));
      generations.bump(bumped);
      assert.ok(!generations.current(indexes, captured));
    }
  });
}

test("a bump of somebody else's words changes nothing", () => {
  const { generations } = tinyMemory();
  const indexes = generations.indexesOf(DEPENDENCIES);
  const taken = new Set(indexes);
  const captured = generations.capture(indexes);
  let apart = 0;
  for (let other = 0; other < 200; other++) {
    const foreign = { kind: "session", id: `other-${other}` } as const;
    const [, , , , word] = generations.indexesOf({ ...DEPENDENCIES, sessionId: foreign.id });
    // A collision costs a verification; it is not what this test is about.
    if (taken.has(word!)) continue;
    generations.bump(foreign);
    apart++;
  }
  assert.ok(apart > 190);
  assert.ok(generations.current(indexes, captured));
});

test("the kinds of one id, and issuer and subject, are kept apart", () => {
  const { generations } = tinyMemory();
  const words = new Set<number>();
  for (const issuer of ["a", "ab"]) {
    const subject = issuer === "a" ? "bc" : "c";
    for (const word of generations.indexesOf({
      issuer,
      subject,
      sessionId: "same",
      tokenId: "same",
      tenantId: "same",
    })) {
      words.add(word);
    }
  }
  // 7 words, of which issuer and identity differ; one collision of 65 535 places is let pass.
  assert.ok(words.size >= 8, `${words.size} words`);
});

test("an API key has a word of its own, which a session of the same name does not move", () => {
  const { generations } = tinyMemory();
  const indexes = generations.indexesOfKeys([{ kind: "api_key", id: "key" }]);
  const captured = generations.capture(indexes);
  generations.bump({ kind: "session", id: "key" });
  assert.ok(generations.current(indexes, captured));
  generations.bump({ kind: "api_key", id: "key" });
  assert.ok(!generations.current(indexes, captured));
});

test("recapture renews the principal's words and keeps those of the claims", () => {
  const { generations } = tinyMemory();
  const indexes = generations.indexesOf(DEPENDENCIES);
  const captured = generations.capture(indexes);
  generations.bump({ kind: "session", id: "sid" });
  const again = generations.recapture(indexes, captured);
  assert.ok(generations.current(indexes, again));
  // The issuer withdrew a key after the signature was checked: the new capture must not hide it.
  generations.bump({ kind: "issuer", issuer: ISSUER });
  assert.ok(!generations.claimsCurrent(indexes, generations.recapture(indexes, captured)));
});

test("a bump in one thread's view is seen in every other, and the words are keyed per process", () => {
  const { shared, generations } = tinyMemory();
  const other = createGenerations(structuredClone(shared));
  const indexes = other.indexesOf(DEPENDENCIES);
  assert.deepEqual(indexes, generations.indexesOf(DEPENDENCIES));
  const captured = other.capture(indexes);
  generations.bump({ kind: "token", id: "jti" });
  assert.ok(!other.current(indexes, captured));
  const foreign = createSharedMemory({ httpThreads: 1, authCacheSlots: 4 });
  assert.notDeepEqual(createGenerations(foreign).indexesOf(DEPENDENCIES), indexes);
});

test("a word that comes round still ends what was captured before", () => {
  const { shared, generations } = tinyMemory();
  const indexes = generations.indexesOf(DEPENDENCIES);
  new Int32Array(shared.generations).fill(2 ** 31 - 1);
  const captured = generations.capture(indexes);
  generations.bump({ kind: "roles" });
  assert.ok(!generations.current(indexes, captured));
  assert.ok(generations.current(indexes, generations.capture(indexes)));
});
