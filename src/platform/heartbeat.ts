import { isInspectorOpen } from "./config.ts";
import { controlLimits } from "./limits.ts";
import { heartbeat, type SharedMemory } from "./shared-memory.ts";

/** The slot of main's own word. */
export const MAIN = "main";

export interface Watch {
  stop(): void;
}

/**
 * Main's side of the heartbeat: moves main's word and looks at the words of the serving threads.
 * It counts its own ticks, not time, so a stopped or sleeping process convicts nobody.
 *
 * @param slots the slots of the threads that serve now
 * @param onHung called once with the slot of a thread whose word stood still
 */
export function watchThreads(
  shared: SharedMemory,
  slots: () => readonly number[],
  onHung: (slot: number) => void,
): Watch {
  const own = heartbeat(shared, MAIN);
  const seen = new Map<number, { value: number; silentTicks: number }>();
  const timer = setInterval(() => {
    own.beat();
    if (isInspectorOpen()) return seen.clear();
    const serving = slots();
    for (const slot of seen.keys()) if (!serving.includes(slot)) seen.delete(slot);
    for (const slot of serving) {
      const value = heartbeat(shared, slot).read();
      const last = seen.get(slot);
      if (last === undefined || last.value !== value) seen.set(slot, { value, silentTicks: 0 });
      else if (++last.silentTicks === controlLimits.threadSilentTicksMax) onHung(slot);
    }
  }, controlLimits.heartbeatEveryMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

export interface MainWatch extends Watch {
  /** False while main's word stands still: this thread is not to be called ready. */
  mainIsAlive(): boolean;
}

/** A thread's side: moves its own word and ends the process when main is gone for good. */
export function watchMain(shared: SharedMemory, slot: number, onGone: () => void): MainWatch {
  const own = heartbeat(shared, slot);
  const main = heartbeat(shared, MAIN);
  let last = main.read();
  let silentTicks = 0;
  const timer = setInterval(() => {
    own.beat();
    const value = main.read();
    silentTicks = value === last && !isInspectorOpen() ? silentTicks + 1 : 0;
    last = value;
    if (silentTicks === controlLimits.mainSilentEndTicksMax) onGone();
  }, controlLimits.heartbeatEveryMs);
  timer.unref();
  return {
    stop: () => clearInterval(timer),
    mainIsAlive: () => silentTicks < controlLimits.mainSilentReadyTicksMax,
  };
}
