/** Which share of the votes decides, by number of votes: `ratio` holds from `threshold` on. */
export interface AcceptanceStep {
  readonly threshold: number;
  /** Null: so few votes decide nothing. */
  readonly ratio: number | null;
}

/** 0–2 votes decide nothing, 3–4 must be unanimous, from 5 on 70 % decide. Ascending. */
export const ACCEPTANCE_LINE: readonly AcceptanceStep[] = Object.freeze([
  { threshold: 0, ratio: null },
  { threshold: 3, ratio: 1 },
  { threshold: 5, ratio: 0.7 },
]);

/**
 * What the houses say: true (food), false (not food), null (undecided).
 *
 * The rule takes the threshold nearest to the number of votes (the smaller of two equally near)
 * and steps back to the one before it when it is above that number. Either way this is the
 * largest threshold that the votes reach.
 */
export function housesChoice(
  foodVotes: number,
  notFoodVotes: number,
  line: readonly AcceptanceStep[] = ACCEPTANCE_LINE,
): boolean | null {
  const total = foodVotes + notFoodVotes;
  const ratio = line.findLast((step) => step.threshold <= total)?.ratio ?? null;
  if (ratio === null || total === 0) return null;
  if (foodVotes / total >= ratio) return true;
  return notFoodVotes / total >= ratio ? false : null;
}

/** The line as it is written in answers: keys with one decimal. */
export const ACCEPTANCE_LINE_JSON = JSON.stringify(
  Object.fromEntries(ACCEPTANCE_LINE.map((step) => [step.threshold.toFixed(1), step.ratio])),
);
