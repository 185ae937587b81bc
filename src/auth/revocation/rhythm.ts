import type { Clock } from "../../platform/clock.ts";
import { revocationLimits } from "../../platform/limits.ts";

/**
 * When the bus reads: one poll interval after the last read began, or at once when woken. A wake
 * during a read is kept, so that what was notified while it ran is read next.
 */
export function createRhythm(clock: Clock) {
  let beganMs = 0;
  let isWoken = false;
  let isStopped = false;
  let endRest: (() => void) | undefined;

  return {
    begin(): void {
      beganMs = clock.monotonicMs();
      isWoken = false;
    },
    wake(): void {
      isWoken = true;
      endRest?.();
    },
    stop(): void {
      isStopped = true;
      endRest?.();
    },
    isStopped: () => isStopped,
    async rest(): Promise<void> {
      const leftMs = beganMs + revocationLimits.pollMs - clock.monotonicMs();
      // Let other work of this thread go on even when notifications never end.
      if (isWoken || isStopped || leftMs <= 0)
        return new Promise((resolve) => setImmediate(resolve));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        endRest = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      endRest = undefined;
    },
    /** True if `promise` resolved within the time. */
    async within(promise: Promise<void>, limitMs: number): Promise<boolean> {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), limitMs);
      });
      const isResolved = await Promise.race([promise.then(() => true), late]);
      clearTimeout(timer);
      return isResolved;
    },
  };
}

export type Rhythm = ReturnType<typeof createRhythm>;
