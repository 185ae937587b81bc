/*
 * A bounded map in two halves. New entries and those that are used again live in the young half;
 * when it is full it becomes the old half, and what was left in the old one is evicted. So a hit
 * on a young entry is one look-up and nothing is moved, and whoever is used at least once a turn
 * stays: nearly "least recently used" at none of its cost.
 *
 * The look-up goes by the end of the text, where a token has its signature: hashing all of a fresh
 * 720-character string is most of a hit's cost. The whole text is compared, so a token with the
 * tail of another one finds nothing.
 */

export interface FirstLevel<Entry> {
  /** The entry of this exact token text. */
  get(token: string): Entry | undefined;
  set(token: string, entry: Entry): void;
  delete(token: string): void;
  clear(): void;
  forEach(visit: (entry: Entry) => void): void;
  /** Drops every entry for which `isDead` holds, and tells how many. */
  sweep(isDead: (entry: Entry) => boolean): number;
  size(): number;
  /** Entries that had to go for others. */
  evictions(): number;
}

export interface FirstLevelBounds {
  readonly entriesMax: number;
  /** Of the token texts together. */
  readonly charactersMax: number;
}

interface Place<Entry> {
  readonly token: string;
  readonly entry: Entry;
}

/** More than 128 bits of a base64url signature. */
const TAIL_CHARACTERS = 24;

function tailOf(token: string): string {
  return token.slice(-TAIL_CHARACTERS);
}

/** `onLeave` is told of each entry that goes for others or is swept. */
export function createFirstLevel<Entry>(
  bounds: FirstLevelBounds,
  onLeave: (entry: Entry) => void = () => {},
): FirstLevel<Entry> {
  const entriesHalf = Math.max(1, Math.floor(bounds.entriesMax / 2));
  const charactersHalf = bounds.charactersMax / 2;
  let young = new Map<string, Place<Entry>>();
  let old = new Map<string, Place<Entry>>();
  // Of all texts that entered the young half: never less than what it holds.
  let youngCharacters = 0;
  let evicted = 0;

  function insert(tail: string, place: Place<Entry>): void {
    old.delete(tail);
    const { length } = place.token;
    if (young.size >= entriesHalf || youngCharacters + length > charactersHalf) {
      evicted += old.size;
      for (const left of old.values()) onLeave(left.entry);
      old = young;
      young = new Map();
      youngCharacters = 0;
    }
    young.set(tail, place);
    youngCharacters += length;
  }

  return {
    get(token) {
      const tail = tailOf(token);
      const place = young.get(tail);
      if (place !== undefined) return place.token === token ? place.entry : undefined;
      const former = old.get(tail);
      if (former === undefined || former.token !== token) return undefined;
      insert(tail, former);
      return former.entry;
    },
    set(token, entry) {
      // A token that fits into no half would push everybody else out.
      if (token.length <= charactersHalf) insert(tailOf(token), { token, entry });
    },
    delete(token) {
      const tail = tailOf(token);
      for (const half of [young, old]) {
        if (half.get(tail)?.token === token) half.delete(tail);
      }
    },
    clear() {
      young = new Map();
      old = new Map();
      youngCharacters = 0;
    },
    forEach(visit) {
      for (const half of [young, old]) for (const { entry } of half.values()) visit(entry);
    },
    sweep(isDead) {
      let dropped = 0;
      for (const half of [young, old]) {
        for (const [tail, { entry }] of half) {
          if (!isDead(entry)) continue;
          half.delete(tail);
          onLeave(entry);
          dropped++;
        }
      }
      return dropped;
    },
    size: () => young.size + old.size,
    evictions: () => evicted,
  };
}
