/** Values by key, of which those go first that were not asked for the longest. */
export interface Recent<Value> {
  /** Undefined when it is not kept. */
  get(key: string): Value | undefined;
  /** One that is heavier than all together may be is not kept. */
  set(key: string, value: Value): void;
  size(): number;
  weight(): number;
}

/**
 * @param weightMax what all values may weigh together
 * @param weigh weight of one; without it their number is limited
 */
export function createRecent<Value>(
  weightMax: number,
  weigh: (key: string, value: Value) => number = () => 1,
): Recent<Value> {
  const kept = new Map<string, { readonly value: Value; readonly weight: number }>();
  let weight = 0;

  function drop(key: string): void {
    weight -= kept.get(key)?.weight ?? 0;
    kept.delete(key);
  }

  return {
    get(key) {
      const found = kept.get(key);
      if (found === undefined) return undefined;
      // At the end: the first of the map is the one not asked for the longest.
      kept.delete(key);
      kept.set(key, found);
      return found.value;
    },
    set(key, value) {
      drop(key);
      const own = weigh(key, value);
      if (own > weightMax) return;
      kept.set(key, { value, weight: own });
      weight += own;
      while (weight > weightMax) drop(kept.keys().next().value!);
    },
    size: () => kept.size,
    weight: () => weight,
  };
}
