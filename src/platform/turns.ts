import { setImmediate as nextTurn } from "node:timers/promises";
import { systemClock } from "./clock.ts";

/** Work in small steps, between which the thread may do something else. */
export type Steps<T> = Generator<void, T, void>;

/** Does the work without a pause. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Does the work, and lets others have their turn whenever `turnMs` have gone by. */
export async function inTurns<T>(steps: Steps<T>, turnMs: number): Promise<T> {
  let begunMs = systemClock.monotonicMs();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (systemClock.monotonicMs() - begunMs < turnMs) continue;
    await nextTurn();
    begunMs = systemClock.monotonicMs();
  }
}

/** Items that are sorted or merged in one step: a few milliseconds with a dear comparison. */
const RUN_COUNT = 512;

/** A stable sort, as `toSorted`: runs that are sorted each, and merged in pairs. */
export function* sortSteps<T>(items: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  let runs: T[][] = [];
  for (let start = 0; start < items.length; start += RUN_COUNT) {
    runs.push(items.slice(start, start + RUN_COUNT).toSorted(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* mergeSteps(runs[at]!, runs[at + 1] ?? [], compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeSteps<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): Steps<T[]> {
  const merged: T[] = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    merged.push(compare(left[i]!, right[j]!) <= 0 ? left[i++]! : right[j++]!);
    if (merged.length % RUN_COUNT === 0) yield;
  }
  return [...merged, ...left.slice(i), ...right.slice(j)];
}
