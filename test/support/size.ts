/** The short size in a usual run, the long one in `npm run test:long`. */
export function testSize(short: number, long: number): number {
  return process.env["BRIGADE_TEST_LONG"] === "1" ? long : short;
}

/** The seed of this run; printed by the runner, set `BRIGADE_TEST_SEED` to repeat one. */
export function testSeed(): number {
  return Number(process.env["BRIGADE_TEST_SEED"] ?? Date.now() % 2 ** 31);
}

/**
 * Every so-manieth item in a usual run, all of them in the long one. Other seeds take others; so do
 * lists that begin elsewhere.
 */
export function sampled<T>(items: readonly T[], share: number, begin = 0): readonly T[] {
  const every = testSize(share, 1);
  return items.filter((_, index) => (index + begin + testSeed()) % every === 0);
}
