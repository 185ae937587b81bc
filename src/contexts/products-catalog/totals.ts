import { productLimits } from "../../platform/limits.ts";

interface Total {
  readonly revision: number;
  readonly total: number;
}

/**
 * How many products match a filter, remembered for as long as the catalogue's revision stands. A
 * count walks through all matches, so each is made once for a revision, by one request for all
 * that wait for it.
 */
export function createTotals(totalsMax: number = productLimits.totalsMax) {
  const known = new Map<string, Total>();
  const flights = new Map<string, Promise<Total>>();

  function remember(key: string, counted: Total): void {
    const older = known.get(key);
    known.delete(key);
    known.set(key, older !== undefined && older.revision > counted.revision ? older : counted);
    if (known.size > totalsMax) known.delete(known.keys().next().value!);
  }

  function counting(key: string, count: () => Promise<Total>): Promise<Total> {
    let flight = flights.get(key);
    if (flight === undefined) {
      flight = count().finally(() => flights.delete(key));
      flights.set(key, flight);
    }
    return flight;
  }

  return {
    /** The number of matches as of `revision` or later; `count` is asked when it is not known. */
    async at(revision: number, key: string, count: () => Promise<Total>): Promise<number> {
      const remembered = known.get(key);
      if (remembered !== undefined && remembered.revision === revision) {
        // Moved to the end: the first of the map is the one not asked for the longest.
        known.delete(key);
        known.set(key, remembered);
        return remembered.total;
      }
      let counted = await counting(key, count);
      // A flight that took off before our page was read may have seen an older catalogue.
      if (counted.revision < revision) counted = await counting(key, count);
      remember(key, counted);
      return counted.total;
    },
    size: () => known.size,
  };
}
