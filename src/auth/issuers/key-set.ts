import type { Clock } from "../../platform/clock.ts";
import { keySetLimits as limits } from "../../platform/limits.ts";
import type { PublicJwk, VerificationKey } from "../token/verify.ts";
import { afterTime, KeyDemand, type After } from "./key-demand.ts";
import {
  createKeySource,
  KeySetFault,
  publishedKeys,
  type KeySetFaultCode,
  type KeySourceSettings,
} from "./key-source.ts";

/** Why an issuer is asked: its turn came, tokens name a key that is not here, an operator wants it. */
export const FETCH_REASONS = ["background", "demand", "operator"] as const;
export type FetchReason = (typeof FETCH_REASONS)[number];

/** The last good set of an issuer as plain data: what other threads and the database are given. */
export interface KeySetSnapshot {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly keys: readonly PublicJwk[];
  /** On the monotonic clock of the machine: when the answer that confirmed it was asked for. */
  readonly confirmedMs: number;
  readonly usableUntilMs: number;
}

/** A set as it was kept, and how old it was when it was read. */
export interface KeptKeySet {
  readonly jwksUri: string;
  readonly keys: readonly unknown[];
  readonly ageMs: number;
}

/** What is known of an issuer's keys, for operators. Instants are of the wall clock. */
export interface KeySetState {
  readonly issuer: string;
  readonly kids: readonly string[];
  readonly isUsable: boolean;
  /** Since the issuer last confirmed the set; undefined: it never did. */
  readonly ageMs: number | undefined;
  readonly fetchedAtMs: number | undefined;
  readonly failedAtMs: number | undefined;
  /** Of the last fetch; undefined: it was good, or there was none. */
  readonly fault: KeySetFaultCode | undefined;
}

export interface KeyFetch {
  readonly issuer: string;
  readonly reason: FetchReason;
  readonly fault: KeySetFault | undefined;
  /** One sentence for each key that is bad in itself. */
  readonly leftOut: readonly string[];
}

export interface KeySetOptions {
  readonly settings: KeySourceSettings;
  readonly clock: Clock;
  readonly after?: After;
  /** A set was confirmed or replaced; told before anybody who waits for it. */
  readonly onTaken?: (snapshot: KeySetSnapshot, isChange: boolean) => void;
  readonly onFetch?: (fetch: KeyFetch) => void;
  /** Everybody may have the private halves of these keys of ours; told after `onTaken`. */
  readonly onExposed?: (kids: readonly string[]) => void;
}

/*
 * The keys of one issuer, kept as it publishes them.
 *
 *   empty ──answer──▶ good ──a day without an answer──▶ too old ──answer──▶ good
 *
 * An answer that is none, or is refused, changes nothing (RFC 8725 §3.1 is about the keys; here the
 * last good ones go on). Each answer replaces the whole set, so a withdrawn key is gone with it.
 * Background and demand fetch by themselves: neither can delay the other.
 */
export class KeySet {
  readonly issuer: string;
  readonly #options: KeySetOptions;
  readonly #source;
  readonly #demand: KeyDemand;
  readonly #after: After;
  #keys: ReadonlyMap<string, VerificationKey> = new Map();
  #jwksUri = "";
  #confirmedMs = -Infinity;
  #fetchedAtMs: number | undefined;
  #failedAtMs: number | undefined;
  #fault: KeySetFault | undefined;
  #failures = 0;
  #turn = 0;
  #takenTurn = 0;
  #isStopped = false;
  #cancel = () => {};

  constructor(options: KeySetOptions) {
    const { settings, clock, after = afterTime } = options;
    this.issuer = settings.issuer;
    this.#options = options;
    this.#source = createKeySource(settings);
    this.#after = after;
    this.#demand = new KeyDemand({
      clock,
      after,
      ask: () => this.#ask("demand"),
      has: (kid) => this.#has(kid),
    });
  }

  /** The key of that name if it is bound to `alg`. */
  find(kid: string, alg: string): VerificationKey | undefined {
    const key = this.#keys.get(kid);
    return key?.alg === alg && this.isUsable() ? key : undefined;
  }

  isUsable(): boolean {
    const ageMs = this.#options.clock.monotonicMs() - this.#confirmedMs;
    return this.#keys.size > 0 && ageMs < limits.staleMaxMs;
  }

  /**
   * Asks for a key that is not here. Resolves when `find` may answer otherwise, or when it will not;
   * undefined: it is known not to be there, and nobody is asked again yet.
   */
  want(kid: string): Promise<void> | undefined {
    return this.#isStopped || this.#has(kid) ? undefined : this.#demand.want(kid);
  }

  /** When a key that was not there may be asked for again, on the monotonic clock. */
  againMs(): number {
    return this.#demand.againMs();
  }

  /** Begins with a set that was kept, if it is one and still counts. */
  async restore({ jwksUri, keys, ageMs }: KeptKeySet): Promise<void> {
    const { settings, clock } = this.#options;
    if (settings.jwksUri !== undefined && settings.jwksUri !== jwksUri) return;
    const confirmedMs = clock.monotonicMs() - Math.max(0, ageMs);
    const published = await publishedKeys({ keys }, jwksUri, settings.algorithms);
    if (this.#takenTurn > 0) return;
    this.#keys = published.keys;
    this.#jwksUri = jwksUri;
    this.#confirmedMs = confirmedMs;
    this.#fetchedAtMs = clock.nowMs() - Math.max(0, ageMs);
  }

  /** Begins to refresh, now and from time to time. */
  start(): void {
    void this.#refreshForever();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#demand.stop();
  }

  /** Asks the issuer now; the fault, if it brought no keys. */
  refresh(): Promise<KeySetFault | undefined> {
    return this.#ask("operator");
  }

  /** Undefined while there is nothing. */
  snapshot(): KeySetSnapshot | undefined {
    if (this.#confirmedMs === -Infinity) return undefined;
    return Object.freeze({
      issuer: this.issuer,
      jwksUri: this.#jwksUri,
      keys: Object.freeze([...this.#keys.values()].map(({ jwk }) => jwk!)),
      confirmedMs: this.#confirmedMs,
      usableUntilMs: this.#confirmedMs + limits.staleMaxMs,
    });
  }

  state(): KeySetState {
    const ageMs = this.#options.clock.monotonicMs() - this.#confirmedMs;
    return Object.freeze({
      issuer: this.issuer,
      kids: Object.freeze([...this.#keys.keys()]),
      isUsable: this.isUsable(),
      ageMs: ageMs === Infinity ? undefined : ageMs,
      fetchedAtMs: this.#fetchedAtMs,
      failedAtMs: this.#failedAtMs,
      fault: this.#fault?.code,
    });
  }

  #has(kid: string): boolean {
    return this.#keys.has(kid) && this.isUsable();
  }

  async #refreshForever(): Promise<void> {
    const fault = await this.#ask("background");
    if (this.#isStopped) return;
    this.#failures = fault === undefined ? 0 : this.#failures + 1;
    this.#cancel = this.#after(
      pauseMs(this.#failures, this.isUsable()),
      () => void this.#refreshForever(),
    );
  }

  async #ask(reason: FetchReason): Promise<KeySetFault | undefined> {
    const { clock, onFetch } = this.#options;
    const turn = ++this.#turn;
    const begunMs = clock.monotonicMs();
    let fault: KeySetFault | undefined;
    let leftOut: readonly string[] = [];
    try {
      const published = await this.#source.read(reason !== "demand");
      leftOut = published.leftOut;
      this.#take(turn, begunMs, published.jwksUri, published.keys);
    } catch (error) {
      fault = error instanceof KeySetFault ? error : new KeySetFault("unreachable", String(error));
      this.#failedAtMs = clock.nowMs();
      this.#fault = fault;
      this.#withdraw(fault.exposedKids);
    }
    onFetch?.({ issuer: this.issuer, reason, fault, leftOut });
    return fault;
  }

  #take(
    turn: number,
    begunMs: number,
    jwksUri: string,
    keys: ReadonlyMap<string, VerificationKey>,
  ): void {
    // An answer that comes late says nothing about what a later question was answered.
    if (this.#isStopped || turn < this.#takenTurn) return;
    this.#takenTurn = turn;
    const isChange = !isSameSet(this.#keys, keys);
    if (isChange) this.#keys = keys;
    this.#jwksUri = jwksUri;
    this.#confirmedMs = begunMs;
    this.#fetchedAtMs = this.#options.clock.nowMs();
    this.#fault = undefined;
    this.#options.onTaken?.(this.snapshot()!, isChange);
  }

  /** Of a refused set this one thing is true: who reads it can sign with these keys. */
  #withdraw(kids: readonly string[]): void {
    const ours = kids.filter((kid) => this.#keys.has(kid));
    if (ours.length === 0) return;
    this.#keys = new Map([...this.#keys].filter(([kid]) => !ours.includes(kid)));
    this.#options.onTaken?.(this.snapshot()!, true);
    this.#options.onExposed?.(ours);
  }
}

/** Longer after each failure, up to a bound; spread, so that processes do not keep step. */
function pauseMs(failures: number, isUsable: boolean): number {
  const { refreshMs, retryMs, retryMaxMs, retryUnusableMaxMs, jitterShare } = limits;
  const maxMs = isUsable ? retryMaxMs : retryUnusableMaxMs;
  const evenMs = failures === 0 ? refreshMs : Math.min(maxMs, retryMs * 2 ** (failures - 1));
  return evenMs * (1 + jitterShare * (2 * Math.random() - 1));
}

function isSameSet(
  one: ReadonlyMap<string, VerificationKey>,
  other: ReadonlyMap<string, VerificationKey>,
): boolean {
  return one.size === other.size && [...one].every(([kid, { id }]) => other.get(kid)?.id === id);
}
