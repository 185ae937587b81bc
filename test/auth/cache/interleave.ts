/**
 * Lets something else happen right before the `at`-th atomic operation of `run`: two threads in
 * one, with every interleaving of the second as a whole to be had. Tells whether it came so far.
 */
export function interleave(
  operation: "load" | "store" | "compareExchange",
  at: number,
  other: () => void,
  run: () => void,
): boolean {
  const original = Atomics[operation] as (...args: unknown[]) => unknown;
  let count = 0;
  let happened = false;
  const hooked = (...args: unknown[]): unknown => {
    if (count++ === at) {
      // The other one runs unhooked and to its end.
      Object.assign(Atomics, { [operation]: original });
      happened = true;
      other();
    }
    return original(...args);
  };
  Object.assign(Atomics, { [operation]: hooked });
  try {
    run();
  } finally {
    Object.assign(Atomics, { [operation]: original });
  }
  return happened;
}
