/*
 * A bounded map in two halves. New entries and those that are used again live in the young half;
 * when it is full it becomes the old half, and what was left in the old one is evicted. So a hit
 * on a young entry is one look-up and nothing is moved, and whoever is used at least once a turn
 * stays: nearly "least recently used" at none of its cost.
 */

export interface FirstLevel<Entry> {
  /** The entry of this exact token text. */
  get(token: string): Entry | undefined;
  set(token: string, entry: Entry): void;
  delete(token: string): void;
  clear(): void;
  /** Drops every entry for which `isDead` holds, and tells how many. */
  sweep(isDead: (entry: Entry) => boolean): number;
  size(): number;
  /** Live entries that had to go for others. */
  evictions(): number;
}

export interface FirstLevelBounds {
  readonly entriesMax: number;
  /** Of the token texts together. */
  readonly charactersMax: number;
}

export function createFirstLevel<Entry>(bounds: FirstLevelBounds): FirstLevel<Entry> {
  const entriesHalf = Math.max(1, Math.floor(bounds.entriesMax / 2));
  const charactersHalf = bounds.charactersMax / 2;
  let young = new Map<string, Entry>();
  let old = new Map<string, Entry>();
  // Of all texts that entered the young half: never less than what it holds.
  let youngCharacters = 0;
  let evicted = 0;

  function insert(token: string, entry: Entry): void {
    if (young.size >= entriesHalf || youngCharacters + token.length > charactersHalf) {
      evicted += old.size;
      old = young;
      young = new Map();
      youngCharacters = 0;
    }
    young.set(token, entry);
    youngCharacters += token.length;
  }

  return {
    get(token) {
      const entry = young.get(token);
      if (entry !== undefined) return entry;
      const former = old.get(token);
      if (former === undefined) return undefined;
      old.delete(token);
      insert(token, former);
      return former;
    },
    set(token, entry) {
      // A token that fits into no half would push everybody else out.
      if (token.length > charactersHalf) return;
      old.delete(token);
      if (young.has(token)) young.set(token, entry);
      else insert(token, entry);
    },
    delete(token) {
      if (!young.delete(token)) old.delete(token);
    },
    clear() {
      young = new Map();
      old = new Map();
      youngCharacters = 0;
    },
    sweep(isDead) {
      let dropped = 0;
      for (const half of [young, old]) {
        for (const [token, entry] of half) {
          if (isDead(entry) && half.delete(token)) dropped++;
        }
      }
      return dropped;
    },
    size: () => young.size + old.size,
    evictions: () => evicted,
  };
}
