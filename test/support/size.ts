/** The short size in a usual run, the long one in `npm run test:long`. */
export function testSize(short: number, long: number): number {
  return process.env["BRIGADE_TEST_LONG"] === "1" ? long : short;
}

/** The seed of this run; printed by the runner, set `BRIGADE_TEST_SEED` to repeat one. */
export function testSeed(): number {
  return Number(process.env["BRIGADE_TEST_SEED"] ?? Date.now() % 2 ** 31);
}
