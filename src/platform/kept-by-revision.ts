import type { Recent } from "./recent.ts";

/** A value, and the revision of what it was made of, read in one snapshot. */
export interface AtRevision<Value> {
  readonly revision: number;
  readonly value: Value;
}

export interface KeptByRevision<Value> {
  /**
   * The value as of `revision`, which was read for this request, or later. `make` is asked when it
   * is not known, once for all who wait for the same key.
   */
  at(revision: number, key: string, make: () => Promise<AtRevision<Value>>): Promise<Value>;
}

/**
 * Values that are good for as long as a number stands, which grows with every change of what they
 * are made of, in the same transaction.
 *
 * @param kept where they are, and which go first
 */
export function createKeptByRevision<Value>(
  kept: Pick<Recent<AtRevision<Value>>, "get" | "set">,
): KeptByRevision<Value> {
  type Made = AtRevision<Value>;
  const flights = new Map<string, Promise<Made>>();

  function making(key: string, make: () => Promise<Made>): Promise<Made> {
    let flight = flights.get(key);
    if (flight === undefined) {
      flight = make().finally(() => flights.delete(key));
      flights.set(key, flight);
    }
    return flight;
  }

  return {
    async at(revision, key, make) {
      const known = kept.get(key);
      if (known?.revision === revision) return known.value;
      let made = await making(key, make);
      // A flight that took off before our revision was read may have seen an older state.
      if (made.revision < revision) made = await making(key, make);
      const other = kept.get(key);
      if (other === undefined || other.revision < made.revision) kept.set(key, made);
      return made.value;
    },
  };
}
