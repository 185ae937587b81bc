import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { testSeed, testSize } from "../../support/size.ts";
import { end, GRACE_SECONDS, interleavings, NEW_ROW, rotate, type Row } from "./rotation-model.ts";

/** One actor after the other by `order`; each sends its tokens, a refused one with its second step. */
function play(
  start: Row,
  programs: readonly (readonly number[])[],
  order: readonly number[],
  now: number,
): { row: Row; granted: Map<number, Set<number>>; refusals: number } {
  let row = start;
  const granted = new Map<number, Set<number>>();
  const at = programs.map(() => 0);
  const refused = programs.map((): number | undefined => undefined);
  let refusals = 0;
  for (const actor of order) {
    const pending = refused[actor];
    if (pending !== undefined) {
      row = end(row, pending);
      refused[actor] = undefined;
      continue;
    }
    const presented = programs[actor]![at[actor]!];
    if (presented === undefined) continue;
    at[actor]!++;
    const [next, given] = rotate(row, presented, now);
    row = next;
    if (given === undefined) {
      refused[actor] = presented;
      refusals++;
    } else {
      const successors = granted.get(presented) ?? new Set();
      granted.set(presented, successors.add(given));
    }
  }
  return { row, granted, refusals };
}

const all = (programs: readonly (readonly number[])[]) =>
  interleavings(programs.map((program) => program.length * 2));

test("up to four holders of the present token: one successor, and nobody is logged out", () => {
  let count = 0;
  for (const programs of [
    [[5]],
    [[5], [5]],
    [[5], [5], [5]],
    [[5], [5], [5], [5]],
    [
      [5, 5],
      [5, 5],
    ],
  ]) {
    for (const order of all(programs)) {
      count++;
      const start = { ...NEW_ROW, counter: 5 };
      const { row, granted, refusals } = play(start, programs, order, 1_000);
      assert.deepEqual([row.ended, row.counter, refusals], [false, 6, 0]);
      assert.deepEqual([...granted.get(5)!], [6], "lost answers are asked for again, not anew");
    }
  }
  assert.ok(count > 2_500, `${count} interleavings`);
});

test("a token that was used before its parent ends the session, wherever it falls among the others", () => {
  let count = 0;
  for (const programs of [
    [[3], [5]],
    [[3], [5], [5]],
    [[3], [5], [4], [5]],
    [[5, 3], [5], [4]],
  ]) {
    for (const order of all(programs)) {
      count++;
      // Rotated so lately that 4 is within the grace.
      const start = { ...NEW_ROW, counter: 5, rotatedAt: 999 };
      const { row } = play(start, programs, order, 1_000);
      assert.equal(row.ended, true, `${order}`);
    }
  }
  assert.ok(count > 2_500, `${count} interleavings`);
});

test("the direct parent ends the session when the grace is over or used up", () => {
  for (const [program, now] of [
    [[4], 1_000 + GRACE_SECONDS],
    [[4, 4, 4, 4], 1_001],
  ] as const) {
    const start = { ...NEW_ROW, counter: 5, rotatedAt: 1_000 };
    const order = program.flatMap(() => [0, 0]);
    assert.equal(play(start, [program], order, now).row.ended, true);
    const shorter = program.slice(1);
    const { row } = play(
      start,
      [shorter],
      shorter.flatMap(() => [0, 0]),
      1_001,
    );
    assert.equal(row.ended, false, "one less, and in time, does not");
  }
});

test("an owner and a thief with one token cannot both go on", () => {
  const uses = fc.array(
    fc.record({ party: fc.constantFrom("owner", "thief"), after: fc.integer({ min: 0, max: 30 }) }),
    { minLength: 4, maxLength: 14 },
  );
  fc.assert(
    fc.property(uses, (schedule) => {
      let row: Row = { ...NEW_ROW, counter: 1 };
      let now = 1_000;
      // Both hold the present token; each goes on with what it was given.
      const held: Record<string, number> = { owner: 1, thief: 1 };
      const used = { owner: 0, thief: 0 };
      let isLate = false;
      for (const { party, after } of schedule) {
        now += after;
        const presented = held[party]!;
        const late = presented < row.counter && now - row.rotatedAt >= GRACE_SECONDS;
        const [next, given] = rotate(row, presented, now);
        row = given === undefined ? end(next, presented) : next;
        if (given !== undefined) held[party] = given;
        used[party as "owner" | "thief"]++;
        isLate ||= late;
        // A token that somebody else has used up is seen at its first use behind the grace.
        if (isLate) assert.equal(row.ended, true);
        if (row.ended) assert.equal(rotate(row, row.counter, now)[1], undefined);
        else assert.ok(Math.max(held["owner"]!, held["thief"]!) === row.counter);
      }
    }),
    { seed: testSeed(), numRuns: testSize(2_000, 100_000) },
  );
});

test("scheduled by whoever comes first, four actors never see two successors of one token", async () => {
  const programs = fc.array(
    fc.array(fc.integer({ min: 3, max: 5 }), { minLength: 1, maxLength: 3 }),
    {
      minLength: 2,
      maxLength: 4,
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), programs, async (scheduler, tokens) => {
      let row: Row = { ...NEW_ROW, counter: 5, rotatedAt: 999 };
      const successors = new Map<number, Set<number>>();
      let isEnded = false;
      const step = scheduler.scheduleFunction(async (change: () => void) => change());
      const actor = async (program: readonly number[]) => {
        for (const presented of program) {
          let given: number | undefined;
          await step(() => ([row, given] = rotate(row, presented, 1_000)));
          if (given === undefined) await step(() => (row = end(row, presented)));
          else successors.set(presented, (successors.get(presented) ?? new Set()).add(given));
          assert.ok(!isEnded || row.ended, "what is over stays over");
          isEnded = row.ended;
        }
      };
      const work = Promise.all(tokens.map(actor));
      await scheduler.waitFor(work);
      for (const [presented, set] of successors) assert.equal(set.size, 1, `of ${presented}`);
      if (tokens.flat().includes(3)) assert.equal(row.ended, true);
      if (tokens.flat().every((token) => token === 5) && tokens.flat().length <= 4) {
        assert.equal(row.ended, false);
      }
    }),
    { seed: testSeed(), numRuns: testSize(150, 10_000) },
  );
});
