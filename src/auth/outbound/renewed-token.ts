import type { Clock } from "../../platform/clock.ts";
import { outboundLimits as limits } from "../../platform/limits.ts";
import { AuthenticationError } from "../providers/failures.ts";
import type { AuthNToken } from "../providers/token.ts";

export interface RenewedTokenOptions {
  /** Asks for a token; bounded in time by itself. */
  readonly ask: () => Promise<AuthNToken>;
  readonly clock: Clock;
  /** Age at which a token of that life is renewed, seconds. */
  readonly renewAtSeconds: (lifeSeconds: number) => number;
  /** A token that is there already. */
  readonly first?: AuthNToken;
}

interface Held {
  readonly token: AuthNToken;
  readonly takenMs: number;
  readonly takenMonotonicMs: number;
}

/**
 * Five minutes before its end, but not before three quarters of its life are over: a token of an
 * hour is renewed after 55 minutes, one of four minutes after three, and never at each call.
 */
export const shortlyBeforeItsEnd = (lifeSeconds: number) =>
  Math.max(lifeSeconds * limits.renewShare, lifeSeconds - limits.renewLeadSeconds);

/** When three quarters of its life are over. */
export const afterThreeQuarters = (lifeSeconds: number) => lifeSeconds * limits.renewShare;

/**
 * One token that is kept and renewed. States:
 *
 * - *none*, *over*: whoever asks waits for the one flight that is under way, or begins it.
 * - *fresh*: the token is given out.
 * - *ripe*: the token is given out, and the first who asks begins a flight that nobody waits for.
 *   One that fails leaves the state as it is, and is tried again after a pause.
 *
 * A flight that lands makes it fresh. A refusal is given again for a moment without asking, and an
 * issuer that said when to come again is not asked before that.
 */
export class RenewedToken {
  readonly #options: RenewedTokenOptions;
  #held: Held | undefined;
  #flight: Promise<AuthNToken> | undefined;
  #failure: { readonly error: unknown; readonly untilMs: number } | undefined;
  #renewNotBeforeMs = 0;

  constructor(options: RenewedTokenOptions) {
    this.#options = options;
    if (options.first !== undefined) this.#held = this.#hold(options.first);
  }

  get(): Promise<AuthNToken> {
    const held = this.#held;
    const ageSeconds = held === undefined ? Infinity : this.#ageSeconds(held);
    if (held === undefined || ageSeconds >= held.token.expiresIn) return this.#demand();
    if (ageSeconds >= this.#options.renewAtSeconds(held.token.expiresIn)) this.#renewAhead();
    return Promise.resolve(held.token);
  }

  /** Forgets the token: who was shown it does not take it any more. */
  forget(token?: AuthNToken): void {
    if (token === undefined || this.#held?.token === token) this.#held = undefined;
  }

  #demand(): Promise<AuthNToken> {
    const failure = this.#failure;
    if (failure !== undefined && this.#options.clock.monotonicMs() < failure.untilMs) {
      return Promise.reject(failure.error);
    }
    return this.#fly();
  }

  #renewAhead(): void {
    if (this.#flight !== undefined) return;
    if (this.#options.clock.monotonicMs() < this.#renewNotBeforeMs) return;
    // The token at hand is good: its holder need not know.
    this.#fly().catch(() => undefined);
  }

  #fly(): Promise<AuthNToken> {
    this.#flight ??= this.#renew().finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #renew(): Promise<AuthNToken> {
    const { ask, clock } = this.#options;
    try {
      const token = await ask();
      this.#held = this.#hold(token);
      this.#failure = undefined;
      this.#renewNotBeforeMs = 0;
      return token;
    } catch (error) {
      const nowMs = clock.monotonicMs();
      const pauseMs = pauseAfter(error);
      this.#renewNotBeforeMs = nowMs + Math.max(limits.renewPauseMs, pauseMs);
      this.#failure = { error, untilMs: nowMs + pauseMs };
      throw error;
    }
  }

  /** A token lives from the moment it was asked for, which is before its issuer made it. */
  #hold(token: AuthNToken): Held {
    const { clock } = this.#options;
    const sinceMs = Math.max(0, clock.nowMs() - token.issuedAt.getTime());
    return {
      token,
      takenMs: token.issuedAt.getTime(),
      takenMonotonicMs: clock.monotonicMs() - sinceMs,
    };
  }

  /** On the clock that is further: one may be set back, the other stands still while a machine sleeps. */
  #ageSeconds({ takenMs, takenMonotonicMs }: Held): number {
    const { clock } = this.#options;
    return Math.max(clock.nowMs() - takenMs, clock.monotonicMs() - takenMonotonicMs) / 1000;
  }
}

/** For how long nobody is asked after this failure. */
function pauseAfter(error: unknown): number {
  if (!(error instanceof AuthenticationError)) return 0;
  if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds * 1000;
  return error.status === 401 ? limits.refusalKeptMs : 0;
}
