import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { ticksNow, type SharedMemory } from "../../platform/shared-memory.ts";
import { BASE, SEQUENCE, emptyAfter, isLive, isSlotPast, takenBy } from "./slot.ts";

/** What main does for the claims table; with one HTTP thread there is none, and nothing to do. */
export interface TableUpkeep {
  /** Empties the slots that a dead thread was writing, and tells how many. */
  freeOwnedBy(spawn: number): number;
  /** Empties the slots that are past on either clock, and tells how many. */
  sweep(): number;
  /** `live`: slots with an entry that is not past, counted now. */
  stats(): { slotCount: number; live: number };
}

export interface TableUpkeepOptions {
  readonly shared: SharedMemory;
  readonly clock: Clock;
  readonly metrics?: Metrics;
}

export function createTableUpkeep({ shared, clock, metrics }: TableUpkeepOptions): TableUpkeep {
  const words = new Int32Array(shared.claims ?? new SharedArrayBuffer(0));
  const slotWords = shared.claimsSlotBytes / Int32Array.BYTES_PER_ELEMENT;

  /** Counts the slots for which `visit` says yes. */
  function count(visit: (at: number, sequence: number) => boolean): number {
    let counted = 0;
    for (let at = 0; at < words.length; at += slotWords) {
      if (visit(at, Atomics.load(words, at + SEQUENCE))) counted++;
    }
    return counted;
  }

  const swap = (at: number, from: number, to: number): boolean =>
    Atomics.compareExchange(words, at + SEQUENCE, from, to) === from;

  const stats = () => {
    const nowSeconds = clock.nowSeconds();
    const nowTicks = ticksNow(shared, clock);
    const live = count(
      (at, sequence) => isLive(sequence) && !isSlotPast(words, at, nowSeconds, nowTicks),
    );
    return { slotCount: words.length / slotWords, live };
  };
  metrics?.gauge("auth_cache_table_slots", "Slots of the claims table", () => stats().slotCount);
  metrics?.gauge("auth_cache_table_live", "Live slots of the claims table", () => stats().live);

  return {
    freeOwnedBy(spawn) {
      const dead = takenBy(spawn);
      return count(
        (at, sequence) =>
          sequence === dead && swap(at, dead, emptyAfter(Atomics.load(words, at + BASE))),
      );
    },
    sweep() {
      const nowSeconds = clock.nowSeconds();
      const nowTicks = ticksNow(shared, clock);
      return count(
        (at, sequence) =>
          isLive(sequence) &&
          isSlotPast(words, at, nowSeconds, nowTicks) &&
          // Refused when somebody replaced the entry since: the sequence moved.
          swap(at, sequence, emptyAfter(sequence)),
      );
    },
    stats,
  };
}
