import assert from "node:assert/strict";
import { test } from "node:test";
import { keyAddressOf } from "../../../src/auth/issuers/key-source.ts";
import { keySetLimits } from "../../../src/platform/limits.ts";
import type { KeyServerMood } from "../../support/key-server.ts";
import { makeKey } from "../token/token-factory.ts";
import { DAY_MS, ec, good, hasKey, later, openGoodSet, openKeySet } from "./key-set-rig.ts";

const short = makeKey("RS256", "bad", 1024).jwk;
const privateJwk = { ...later.privateKey.export({ format: "jwk" }), kid: "bad", alg: "RS256" };
const offCurve = Buffer.from(ec.jwk.y!, "base64url");
offCurve[31]! ^= 1;

/** Keys that are never accepted, whatever else is in their set. */
const FORBIDDEN: Readonly<Record<string, object>> = {
  "a shared secret": { kty: "oct", kid: "bad", alg: "RS256", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQ" },
  "the private half": privateJwk,
  "1024 bits": short,
  "the exponent 1": { ...later.jwk, kid: "bad", e: "AQ" },
  "the exponent 3": { ...later.jwk, kid: "bad", e: "Aw" },
  "another curve": { ...ec.jwk, kid: "bad", crv: "P-384" },
  "a point off its curve": { ...ec.jwk, kid: "bad", y: offCurve.toString("base64url") },
  "an algorithm that was not configured": { ...later.jwk, kid: "bad", alg: "PS256" },
  "an algorithm of another kind of key": { ...ec.jwk, kid: "bad", alg: "RS256" },
  "a use that is not signing": { ...later.jwk, kid: "bad", use: "enc" },
};
const isAccepted = (set: { find(kid: string, alg: string): unknown }) =>
  ["RS256", "ES256", "PS256", "HS256"].some((alg) => set.find("bad", alg) !== undefined);

const MOODS: readonly (readonly [KeyServerMood, string])[] = [
  ["refuses", "unreachable"],
  ["hangs", "unreachable"],
  ["drips", "unreachable"],
  ["fails", "status"],
  ["redirects", "unreachable"],
  ["sends HTML", "malformed"],
  ["sends 50 MB", "unreachable"],
];

test("whatever a key server does in place of an answer, the last good keys go on", async (t) => {
  await Promise.all(
    MOODS.map(async ([mood, code]) => {
      const { server, set } = await openGoodSet(t);
      server.publish(later.jwk);
      server.be(mood);
      assert.equal((await set.refresh())?.code, code, mood);
      assert.ok(hasKey(set), mood);
      assert.ok(!hasKey(set, later), mood);
      assert.equal(set.state().fault, code, mood);
      server.be("good");
      assert.equal(await set.refresh(), undefined, mood);
      assert.ok(hasKey(set, later), mood);
      assert.equal(set.state().fault, undefined, mood);
    }),
  );
});

test("a server that is gone is no answer", async (t) => {
  const { server, set } = await openGoodSet(t);
  await server.close();
  assert.equal((await set.refresh())?.code, "unreachable");
  assert.ok(hasKey(set));
});

test("a forbidden key is left out, the good ones of its set count", async (t) => {
  const { server, set, fetches } = await openGoodSet(t);
  for (const [what, jwk] of Object.entries(FORBIDDEN)) {
    server.publish(good.jwk, jwk, { ...ec.jwk, kid: what });
    assert.equal(await set.refresh(), undefined, what);
    assert.ok(hasKey(set), what);
    assert.ok(hasKey(set, { ...ec, kid: what }), what);
    assert.ok(!isAccepted(set), what);
  }
  assert.match(fetches.find(({ leftOut }) => leftOut.length > 0)!.leftOut[0]!, /secret.*"bad"/);
});

test("a set of nothing but forbidden keys is refused, and the last good one goes on", async (t) => {
  const { server, set } = await openGoodSet(t);
  for (const [what, jwk] of Object.entries(FORBIDDEN)) {
    server.publish(jwk);
    assert.equal((await set.refresh())?.code, "refused", what);
    assert.ok(hasKey(set), what);
    assert.ok(!isAccepted(set), what);
  }
});

test("a set that cannot be told apart is refused as a whole", async (t) => {
  const { server, set } = await openGoodSet(t);
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ ...ec.jwk, kid: `many-${n}` }));
  const sets: Record<string, object[]> = {
    "two keys of one name": [later.jwk, { ...ec.jwk, kid: later.kid }],
    "one of them no key of ours": [later.jwk, { ...later.jwk, use: "enc" }],
    "33 keys": [later.jwk, ...many(32)],
    "10 000 keys": [later.jwk, ...many(9_999)],
    "no key": [],
    "a key that is a list": [later.jwk, []],
  };
  for (const [what, jwks] of Object.entries(sets)) {
    server.publish(...jwks);
    assert.ok((await set.refresh()) !== undefined, what);
    assert.ok(hasKey(set) && !hasKey(set, later), what);
  }
  server.publish(later.jwk, ...many(31));
  assert.equal(await set.refresh(), undefined);
  assert.equal(set.state().kids.length, 32);
});

test("a key that is not in the set any more is gone at once", async (t) => {
  const { server, set, taken } = await openGoodSet(t);
  server.publish(later.jwk);
  await set.refresh();
  assert.ok(!hasKey(set) && hasKey(set, later));
  assert.deepEqual(
    taken.map(({ snapshot, isChange }) => [snapshot.keys.map(({ kid }) => kid), isChange]),
    [
      [["good"], true],
      [["later"], true],
    ],
  );
});

test("another key under an old name is another key", async (t) => {
  const { server, set, taken } = await openGoodSet(t);
  const before = set.find("good", "RS256")!.id;
  server.publish({ ...later.jwk, kid: "good" });
  await set.refresh();
  assert.notEqual(set.find("good", "RS256")!.id, before);
  assert.ok(taken.at(-1)!.isChange);
  await set.refresh();
  assert.ok(!taken.at(-1)!.isChange);
});

test("a key whose private half is published is nobody's any more, even in a refused set", async (t) => {
  const { server, set, taken } = await openGoodSet(t);
  const exposed = { ...good.privateKey.export({ format: "jwk" }), kid: "good", alg: "RS256" };
  server.publish(exposed);
  assert.equal((await set.refresh())?.code, "refused");
  assert.ok(!hasKey(set) && !set.isUsable());
  assert.deepEqual(taken.at(-1)!.snapshot.keys, []);
});

test("the last good set counts for a day after it was confirmed, and not longer", async (t) => {
  const { server, set, timers } = await openGoodSet(t);
  timers.advanceMs(DAY_MS / 2);
  await set.refresh();
  server.be("fails");
  timers.advanceMs(DAY_MS - 1);
  await set.refresh();
  assert.ok(set.isUsable() && hasKey(set));
  timers.advanceMs(1);
  assert.ok(!set.isUsable() && !hasKey(set));
  assert.equal(set.state().isUsable, false);
  server.be("good");
  await set.want("good");
  assert.ok(set.isUsable() && hasKey(set));
});

test("discovery tells where the keys are, if it is of the issuer that was asked", async (t) => {
  const { server, set } = await openGoodSet(t, { discovers: true });
  assert.ok(hasKey(set));
  server.publish(later.jwk);
  server.claim({ issuer: `${server.url}/` });
  assert.equal((await set.refresh())?.code, "discovery");
  server.claim({ issuer: "https://another.example" });
  assert.equal((await set.refresh())?.code, "discovery");
  for (const jwks_uri of [undefined, 7, "/jwks", "ftp://127.0.0.1/jwks", "data:,{}"]) {
    server.claim({ jwks_uri });
    assert.equal((await set.refresh())?.code, "discovery", String(jwks_uri));
  }
  assert.ok(hasKey(set) && !hasKey(set, later));
  server.claim({});
  assert.equal(await set.refresh(), undefined);
  assert.ok(hasKey(set, later));
});

test("an issuer with https has its keys at https, and no password in their address", () => {
  const issuer = "https://issuer.example";
  const at = (jwks_uri: string, of = issuer) => keyAddressOf({ issuer: of, jwks_uri }, of);
  assert.equal(at("https://keys.example/jwks"), "https://keys.example/jwks");
  assert.throws(() => at("http://issuer.example/jwks"), { code: "discovery" });
  assert.throws(() => at("https://somebody:secret@issuer.example/jwks"), { code: "discovery" });
  assert.equal(at("http://localhost/jwks", "http://localhost"), "http://localhost/jwks");
});

test("demand asks where discovery said, and discovers again after a failure", async (t) => {
  const { server, set, timers } = await openGoodSet(t, { discovers: true });
  assert.deepEqual(server.counts, { discovery: 1, keys: 1 });
  await set.want("one");
  assert.deepEqual(server.counts, { discovery: 1, keys: 2 });
  server.be("fails");
  timers.advanceMs(keySetLimits.demandWindowMs);
  await set.want("two");
  timers.advanceMs(keySetLimits.demandWindowMs);
  server.claim({ issuer: "https://another.example" });
  server.be("good");
  await set.want("three");
  assert.deepEqual(server.counts, { discovery: 2, keys: 3 });
  assert.equal(set.state().fault, "discovery");
});

test("a set that was kept goes through the same checks", async (t) => {
  const kept = (keys: readonly object[], ageMs = 1_000) => ({
    jwksUri: server.jwksUri,
    keys,
    ageMs,
  });
  const { server, set } = await openKeySet(t);
  assert.equal(set.snapshot(), undefined);
  for (const jwk of Object.values(FORBIDDEN)) {
    await assert.rejects(set.restore(kept([jwk])), { code: "refused" });
  }
  await set.restore({ ...kept([good.jwk]), jwksUri: `${server.url}/elsewhere` });
  assert.ok(!set.isUsable(), "kept of another address");
  await set.restore(kept([good.jwk], DAY_MS));
  assert.ok(!set.isUsable(), "kept for too long");
  await set.restore(kept([good.jwk, FORBIDDEN["1024 bits"]!], DAY_MS - 1));
  assert.ok(hasKey(set) && !isAccepted(set));
  server.publish(later.jwk);
  await set.refresh();
  await set.restore(kept([good.jwk]));
  assert.ok(hasKey(set, later) && !hasKey(set), "what the issuer said since counts");
});

test("a late answer does not undo what a later question was answered", async (t) => {
  const { server, set } = await openGoodSet(t);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const late = server.hold(held);
  const first = set.refresh();
  await late;
  server.publish(later.jwk);
  await set.refresh();
  release();
  assert.equal(await first, undefined);
  assert.ok(hasKey(set, later) && !hasKey(set));
});
