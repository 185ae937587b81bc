/** Does `make`, or waits for somebody else's that begins after this call. */
export type SharedWork<Value> = (key: string, make: () => Promise<Value>) => Promise<Value>;

interface Turn<Value> {
  readonly work: Promise<Value>;
  next: Promise<Value> | undefined;
}

/**
 * The same work for many at once, one at a time for a key. Whoever comes while one is under way
 * waits for the next one, with all who came since: what he gets is no older than his asking.
 */
export function createSharedWork<Value>(): SharedWork<Value> {
  const turns = new Map<string, Turn<Value>>();

  function begin(key: string, make: () => Promise<Value>): Promise<Value> {
    const turn: Turn<Value> = { work: make(), next: undefined };
    turns.set(key, turn);
    const end = () => {
      // The next one, where somebody waits for it, takes its place.
      if (turn.next === undefined) turns.delete(key);
    };
    turn.work.then(end, end);
    return turn.work;
  }

  return (key, make) => {
    const turn = turns.get(key);
    if (turn === undefined) return begin(key, make);
    const follow = () => begin(key, make);
    return (turn.next ??= turn.work.then(follow, follow));
  };
}
