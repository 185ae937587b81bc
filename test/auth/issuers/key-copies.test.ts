import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeyCopies } from "../../../src/auth/issuers/key-copies.ts";
import type { KeySetSnapshot } from "../../../src/auth/issuers/key-set.ts";
import { toPublicJwk } from "../../../src/auth/keys/material.ts";
import { keySetLimits } from "../../../src/platform/limits.ts";
import { createManualTimers } from "../../support/manual-timers.ts";
import { makeKey, type TestKey } from "../token/token-factory.ts";
import { DAY_MS, ec, good, later, WINDOW_MS } from "./key-set-rig.ts";

const ISSUER = "https://issuer.example";
const OTHER = "https://other.example";
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function snapshot(keys: readonly TestKey[], issuer = ISSUER, confirmedMs = 1_000_000) {
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    keys: keys.map(({ jwk, alg }) => toPublicJwk(jwk, alg)),
    confirmedMs,
    usableUntilMs: confirmedMs + DAY_MS,
  } satisfies KeySetSnapshot;
}

/** Copies of a thread, and a main that answers when the test says so. */
function openCopies(sets: readonly KeySetSnapshot[] = [snapshot([good])]) {
  const timers = createManualTimers();
  const asked: string[] = [];
  const answers: { resolve(againMs: number): void; reject(error: Error): void }[] = [];
  const withdrawn: [string, boolean][] = [];
  const copies = createKeyCopies({
    sets,
    clock: timers.clock,
    ask: (issuer, kid) => {
      asked.push(`${issuer} ${kid}`);
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    onWithdrawn: (issuer) =>
      // What a verdict would find that is taken anew because of this.
      withdrawn.push([issuer, copies.find(issuer, good.kid, good.alg) !== undefined]),
  });
  return { copies, clock: timers.clock, asked, answers, withdrawn };
}

test("a thread finds a key of exactly that issuer, name and algorithm", () => {
  const { copies } = openCopies([snapshot([good, ec]), snapshot([later], OTHER)]);
  assert.equal(copies.find(ISSUER, "good", "RS256")?.kid, "good");
  assert.equal(copies.find(ISSUER, "good", "ES256"), undefined);
  assert.equal(copies.find(ISSUER, "later", "RS256"), undefined);
  assert.equal(copies.find(OTHER, "later", "RS256")?.kid, "later");
  assert.equal(copies.find("https://nobody.example", "good", "RS256"), undefined);
  assert.ok(copies.isUsable(ISSUER) && !copies.isUsable("https://nobody.example"));
});

test("a set that is too old does not count in a thread that hears nothing", () => {
  const { copies, clock } = openCopies();
  clock.advanceMs(DAY_MS - 1);
  assert.ok(copies.isUsable(ISSUER) && copies.find(ISSUER, "good", "RS256") !== undefined);
  clock.advanceMs(1);
  assert.ok(!copies.isUsable(ISSUER) && copies.find(ISSUER, "good", "RS256") === undefined);
  assert.notEqual(copies.want(ISSUER, "good"), undefined, "it is worth asking for");
  copies.replace(snapshot([good], ISSUER, clock.monotonicMs()));
  assert.ok(copies.isUsable(ISSUER));
});

test("verdicts of an issuer end after the exchange that takes a key away, and only then", () => {
  const { copies, withdrawn } = openCopies();
  copies.replace(snapshot([good, later]));
  copies.replace(snapshot([good, later], ISSUER, 2_000_000));
  copies.replace(snapshot([later], OTHER));
  assert.deepEqual(withdrawn, []);
  copies.replace(snapshot([later]));
  assert.deepEqual(withdrawn, [[ISSUER, false]]);
  const renamed = makeKey("RS256", "later");
  copies.replace(snapshot([renamed]));
  assert.equal(withdrawn.length, 2, "another key under an old name takes the old one away");
  copies.replace(snapshot([]));
  assert.equal(withdrawn.length, 3);
  assert.ok(!copies.isUsable(ISSUER));
});

test("many who want one key ask main once, and all are told", async () => {
  const { copies, asked, answers, clock } = openCopies();
  let told = 0;
  for (let n = 0; n < 100; n++) void copies.want(ISSUER, "later")!.then(() => told++);
  assert.deepEqual(asked, [`${ISSUER} later`]);
  copies.replace(snapshot([good, later]));
  answers[0]!.resolve(clock.monotonicMs() + WINDOW_MS);
  await settled();
  assert.equal(told, 100);
  assert.equal(copies.want(ISSUER, "later"), undefined, "it is there");
});

test("a name that is not there is not asked for again before main may ask", async () => {
  const { copies, asked, answers, clock } = openCopies();
  void copies.want(ISSUER, "forged");
  answers[0]!.resolve(clock.monotonicMs() + 400);
  await settled();
  clock.advanceMs(399);
  assert.equal(copies.want(ISSUER, "forged"), undefined);
  assert.notEqual(copies.want(OTHER, "forged"), undefined, "names are an issuer's own");
  clock.advanceMs(1);
  assert.notEqual(copies.want(ISSUER, "forged"), undefined);
  assert.equal(asked.length, 3);
});

test("a main that does not answer, or says nonsense, keeps nobody for longer than a window", async () => {
  const { copies, answers, clock } = openCopies();
  const waiting = copies.want(ISSUER, "one")!;
  answers[0]!.reject(new Error("the main thread is busy"));
  await waiting;
  assert.equal(copies.want(ISSUER, "one"), undefined);
  void copies.want(ISSUER, "two");
  answers[1]!.resolve(clock.monotonicMs() + DAY_MS);
  await settled();
  clock.advanceMs(WINDOW_MS);
  assert.notEqual(copies.want(ISSUER, "one"), undefined);
  assert.notEqual(copies.want(ISSUER, "two"), undefined);
});

test("a flood of names puts a bounded number of questions to main", async () => {
  const { copies, asked, answers } = openCopies();
  const { threadAsksMax, threadWaitersMax } = keySetLimits;
  for (let n = 0; n < 10_000; n++) void copies.want(ISSUER, `forged-${n}`);
  assert.equal(asked.length, threadAsksMax);
  assert.notEqual(copies.want(OTHER, "later"), undefined, "another issuer is not touched by it");
  let waiting = threadAsksMax;
  for (let n = 0; n < 10_000; n++) if (copies.want(ISSUER, "forged-0") !== undefined) waiting++;
  assert.equal(waiting, threadWaitersMax);
  for (const { reject } of answers) reject(new Error("none"));
  await settled();
  assert.notEqual(copies.want(ISSUER, "later"), undefined, "all of them were let go");
});
