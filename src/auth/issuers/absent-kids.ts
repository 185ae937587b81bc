import type { Clock } from "../../platform/clock.ts";
import { keySetLimits } from "../../platform/limits.ts";

/** Key names that are known not to be in a set, each until it may be asked for again. */
export class AbsentKids {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#untilMs.size;
  }

  has(kid: string): boolean {
    const untilMs = this.#untilMs.get(kid);
    if (untilMs === undefined) return false;
    if (this.#clock.monotonicMs() < untilMs) return true;
    this.#untilMs.delete(kid);
    return false;
  }

  /** Strangers choose the names, so there is a bound; the oldest is forgotten. */
  add(kid: string, untilMs: number): void {
    this.#untilMs.delete(kid);
    if (untilMs <= this.#clock.monotonicMs()) return;
    if (this.#untilMs.size >= keySetLimits.absentKidsMax) {
      const [oldest] = this.#untilMs.keys();
      if (oldest !== undefined) this.#untilMs.delete(oldest);
    }
    this.#untilMs.set(kid, untilMs);
  }
}
