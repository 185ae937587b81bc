/*
 * What a session's row does to a refresh token, as two steps that the database makes one after the
 * other and between which anybody else may come: `rotate`, and for a token it refused `end`.
 */

export const GRACE_SECONDS = 10;
export const GRACE_MAX = 3;

export interface Row {
  readonly counter: number;
  readonly rotatedAt: number;
  readonly graceCount: number;
  readonly ended: boolean;
}

export const NEW_ROW: Row = { counter: 0, rotatedAt: 0, graceCount: 0, ended: false };

/** The row after, and the number of the token that is given; undefined: refused. */
export function rotate(row: Row, presented: number, now: number): [Row, number | undefined] {
  if (row.ended) return [row, undefined];
  if (presented === row.counter) {
    const next = { ...row, counter: row.counter + 1, rotatedAt: now, graceCount: 0 };
    return [next, next.counter];
  }
  const isRetry =
    presented === row.counter - 1 &&
    now - row.rotatedAt < GRACE_SECONDS &&
    row.graceCount < GRACE_MAX;
  return isRetry ? [{ ...row, graceCount: row.graceCount + 1 }, row.counter] : [row, undefined];
}

/** Only what is still not the present token ends anything. */
export function end(row: Row, presented: number): Row {
  return row.ended || row.counter === presented ? row : { ...row, ended: true };
}

/** Every order in which the steps of the actors may fall, each actor's own in their order. */
export function* interleavings(steps: readonly number[]): Generator<number[]> {
  const left = [...steps];
  const order: number[] = [];
  function* go(): Generator<number[]> {
    if (left.every((count) => count === 0)) yield [...order];
    for (let actor = 0; actor < left.length; actor++) {
      if (left[actor] === 0) continue;
      left[actor]!--;
      order.push(actor);
      yield* go();
      order.pop();
      left[actor]!++;
    }
  }
  yield* go();
}
