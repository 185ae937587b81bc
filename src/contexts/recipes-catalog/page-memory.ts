import type { Page } from "../../http/paging.ts";
import { mealLimits } from "../../platform/limits.ts";

/** A page as one statement reads it: what is on it, and the revision at that moment. */
export interface PageRow {
  readonly revision: number;
  /** Comma separated; null: nothing is on it. */
  readonly ids: string | null;
  /** JSON texts, comma separated. */
  readonly texts: string | null;
}

interface Counted {
  readonly revision: number;
  readonly total: number;
}

/** A list that is asked for. */
export interface AskedList {
  /** Everything that decides what matches. JSON can hold it. */
  readonly matching: unknown;
  readonly sort: string;
  readonly page: Page;
  /** Reads what of these ids the caller may see. */
  read(ids: readonly string[]): Promise<PageRow>;
  /** Finds what is on the page, and reads it. */
  find(): Promise<PageRow>;
  count(): Promise<Counted>;
}

interface Remembered extends Counted {
  readonly ids: readonly string[];
}

/**
 * Which rows are on a page and how many there are on all, remembered for as long as the revision
 * stands. To find and count them walks through all that match; to read twenty that are known does
 * not. The rows themselves are read anew each time, in the snapshot in which the revision is.
 */
export function createPageMemory(pagesMax: number = mealLimits.pagesMax) {
  const pages = new Map<string, Remembered>();
  const totals = new Map<string, Counted>();
  const flights = new Map<string, Promise<Counted>>();

  /** All that match, counted once for a revision by one request for all that wait for it. */
  async function totalAt(revision: number, key: string, count: () => Promise<Counted>) {
    const known = totals.get(key);
    if (known?.revision === revision) return known;
    const counting = () => {
      const flight = flights.get(key) ?? count().finally(() => flights.delete(key));
      flights.set(key, flight);
      return flight;
    };
    let counted = await counting();
    // A flight that took off before our page was read may have seen an older state.
    if (counted.revision < revision) counted = await counting();
    keep(totals, key, counted);
    return counted;
  }

  function keep<T extends Counted>(known: Map<string, T>, key: string, value: T): void {
    // At the end: the first of the map is the one not asked for the longest.
    known.delete(key);
    known.set(key, value);
    if (known.size > pagesMax) known.delete(known.keys().next().value!);
  }

  return {
    /** The page, and how many match on all. */
    async list(asked: AskedList): Promise<{ readonly texts: string; readonly total: number }> {
      const { skip, limit } = asked.page;
      const key = JSON.stringify([asked.matching, asked.sort, skip, limit]);
      const known = pages.get(key);
      const again = await asked.read(known?.ids ?? []);
      if (known?.revision === again.revision && idsOf(again).length === known.ids.length) {
        keep(pages, key, known);
        return { texts: again.texts ?? "", total: known.total };
      }
      const found = await asked.find();
      const { revision } = found;
      const ids = idsOf(found);
      const isLastPage = ids.length < limit && (ids.length > 0 || skip === 0);
      const counted = isLastPage
        ? { revision, total: skip + ids.length }
        : await totalAt(revision, JSON.stringify(asked.matching), () => asked.count());
      if (counted.revision === revision) keep(pages, key, { ...counted, ids });
      return { texts: found.texts ?? "", total: counted.total };
    },
    size: () => ({ pages: pages.size, totals: totals.size }),
  };
}

const idsOf = ({ ids }: PageRow) => (ids === null ? [] : ids.split(","));
