import type { Clock } from "../../platform/clock.ts";
import { keySetLimits as limits } from "../../platform/limits.ts";
import { AbsentKids } from "./absent-kids.ts";

/** Runs something later; answers what prevents it. A timer, or the hands of a test. */
export type After = (delayMs: number, run: () => void) => () => void;

export const afterTime: After = (delayMs, run) => {
  const timer = setTimeout(run, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
};

export interface KeyDemandOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly after: After;
  /** Asks the issuer. Never rejects. */
  readonly ask: () => Promise<unknown>;
  /** Whether a key of that name is there now. */
  readonly has: (kid: string) => boolean;
}

interface Round {
  readonly landed: Promise<void>;
  readonly land: () => void;
  readonly kids: Set<string>;
  waiters: number;
}

/*
 * Fetches that tokens with unknown key names ask for:
 *
 *   idle ──want──▶ waiting ──a window after the last one began──▶ fetching ──answer──▶ idle
 *
 * Whoever comes before the answer joins the round, however many names there are, so that strangers
 * cause one fetch a window and no more. A name that the answer did not hold is refused at once
 * until the window is over: what was published since is asked for then.
 */
export class KeyDemand {
  readonly #options: KeyDemandOptions;
  readonly #absent: AbsentKids;
  #round: Round | undefined;
  #begunMs = -Infinity;
  #cancel = () => {};

  constructor(options: KeyDemandOptions) {
    this.#options = options;
    this.#absent = new AbsentKids(options.clock);
  }

  /** How many wait. */
  waiters(): number {
    return this.#round?.waiters ?? 0;
  }

  /** When the issuer may be asked again, on the monotonic clock. */
  againMs(): number {
    return this.#begunMs + limits.demandWindowMs;
  }

  /** Resolves after the next answer; undefined: it was not there, or too many wait already. */
  want(kid: string): Promise<void> | undefined {
    if (this.#absent.has(kid)) return undefined;
    const round = (this.#round ??= this.#begin());
    if (round.waiters >= limits.waitersMax) return undefined;
    round.waiters++;
    round.kids.add(kid);
    return round.landed;
  }

  /** Lets everybody go. */
  stop(): void {
    this.#cancel();
    this.#round?.land();
    this.#round = undefined;
  }

  #begin(): Round {
    let land = () => {};
    const landed = new Promise<void>((resolve) => (land = resolve));
    const round: Round = { landed, land, kids: new Set(), waiters: 0 };
    const { clock, after } = this.#options;
    const delayMs = this.againMs() - clock.monotonicMs();
    if (delayMs <= 0) void this.#run(round);
    else this.#cancel = after(delayMs, () => void this.#run(round));
    return round;
  }

  async #run(round: Round): Promise<void> {
    const { clock, ask, has } = this.#options;
    this.#begunMs = clock.monotonicMs();
    await ask();
    if (this.#round !== round) return;
    this.#round = undefined;
    for (const kid of round.kids) if (!has(kid)) this.#absent.add(kid, this.againMs());
    round.land();
  }
}
