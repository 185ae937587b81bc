import type { Clock } from "../../platform/clock.ts";
import { platformErrors } from "../../platform/errors.ts";
import { revocationLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { openListener, type Listener } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Lease } from "../cache/lease.ts";
import type { InvalidationKey } from "../index.ts";
import { createBusMetrics, type BusMetrics } from "./bus-metrics.ts";
import { advance, type Cursor, type Step } from "./cursor.ts";
import { acknowledgement, farewell, type Acknowledged } from "./instances.ts";
import { INVALIDATION_CHANNEL, pageStatement, readPage } from "./invalidation-log.ts";
import { createProbe, type Probe } from "./probe.ts";
import { createRhythm, type Rhythm } from "./rhythm.ts";

export interface BusOptions {
  /** Of a direct connection; behind a transaction pooler only the poll works. */
  readonly url: string;
  /** Of this start of this process, a UUID. */
  readonly instanceId: string;
  readonly leaseMs: number;
  /** The largest `staleMs` of any issuer: a process counts as live for at least as long. */
  readonly staleMsMax?: number;
  readonly generations: { bump(key: InvalidationKey): void };
  readonly lease: Lease;
  /** The keys of this process; without them only the log is followed. */
  readonly keys?: LoadedKeys;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The keys as this process has them. */
export interface LoadedKeys {
  /** Brings every thread to the keys of that version. Rejects while a withdrawn key may count. */
  sync(version: number, isJump: boolean): Promise<void>;
  /** What every thread has. The same array until it changes. */
  kids(): readonly string[];
}

export interface BusStats {
  readonly position: number | undefined;
  readonly isConnected: boolean;
  /** Whether our own notification came back: false behind a transaction pooler. */
  readonly hearsNotifications: boolean | undefined;
  readonly readCount: number;
  readonly failureCount: number;
  readonly jumpCount: number;
}

/** The invalidation bus of one process. */
export interface Bus {
  /**
   * Resolves when the log was read for the first time and the lease holds.
   *
   * @throws `unavailable` when the database does not answer within the start's deadline
   */
  start(): Promise<void>;
  /** Ends the lease, takes our row away and closes the connection. */
  stop(): Promise<void>;
  /** Number up to which the log is applied here. */
  position(): number | undefined;
  stats(): BusStats;
}

const NO_KIDS: readonly string[] = Object.freeze([]);

/** Makes the bus of a process; nothing is opened before `start`. */
export function createBus(options: BusOptions): Bus {
  return new InvalidationBus(options);
}

/**
 * Applies the invalidation log to this process's generations and renews its lease. One turn:
 * note both clocks, send the read, apply what it brought, and only then write the lease, counted
 * from when the read was *sent*. Whatever was committed before that moment is applied while the
 * lease holds. A notification only starts a turn early: it renews nothing and proves nothing.
 *
 * States: new → (first complete read) live → stopped. Losing the connection is no state of ours:
 * reads fail, the lease runs out by itself, and the first read that succeeds goes on from our
 * position in the log.
 */
class InvalidationBus implements Bus {
  readonly #options: BusOptions;
  readonly #forgottenMs: number;
  readonly #rhythm: Rhythm;
  readonly #probe: Probe;
  readonly #meters: BusMetrics;
  #listener: Listener | undefined;
  #running: Promise<void> | undefined;
  #onLive: (() => void) | undefined;
  #cursor: Cursor | undefined;
  #acknowledged: (Acknowledged & { readonly atMs: number }) | undefined;
  #isConnected = false;
  #readCount = 0;
  #failureCount = 0;
  #jumpCount = 0;

  constructor(options: BusOptions) {
    const { clock, log, leaseMs, staleMsMax = 0 } = options;
    this.#options = options;
    this.#forgottenMs = Math.max(revocationLimits.instanceForgottenMs, leaseMs, staleMsMax);
    this.#rhythm = createRhythm(clock);
    this.#probe = createProbe(clock, log);
    this.#meters = createBusMetrics(options.metrics, options.lease, () => this.stats());
  }

  async start(): Promise<void> {
    const live = new Promise<void>((resolve) => (this.#onLive = resolve));
    this.#listener = openListener({
      url: this.#options.url,
      channel: INVALIDATION_CHANNEL,
      applicationName: "brigade-bus",
      log: this.#options.log,
      statementTimeoutMs: revocationLimits.readTimeoutMs,
      onNotification: (payload) => this.#onNotification(payload),
      onConnected: () => this.#onConnected(),
      onLost: () => this.#onLost(),
    });
    this.#running = this.#run(this.#listener);
    if (await this.#rhythm.within(live, revocationLimits.startDeadlineMs)) return;
    await this.stop();
    throw platformErrors.failure("unavailable", { note: "the bus could not read the log" });
  }

  async stop(): Promise<void> {
    if (this.#listener === undefined || this.#rhythm.isStopped()) return;
    const { lease, instanceId } = this.#options;
    this.#rhythm.stop();
    await this.#running;
    // No cached principal may count once the others do not wait for us any more.
    lease.revoke();
    await this.#listener.query(sql.unnamed(farewell(instanceId))).catch(() => {});
    await this.#listener.close();
  }

  position(): number | undefined {
    return this.#cursor?.position;
  }

  stats(): BusStats {
    return {
      position: this.#cursor?.position,
      isConnected: this.#isConnected,
      hearsNotifications: this.#probe.isHeard(),
      readCount: this.#readCount,
      failureCount: this.#failureCount,
      jumpCount: this.#jumpCount,
    };
  }

  #onNotification(payload: string): void {
    if (this.#probe.hear(payload)) return;
    // Our poll may have been faster than the notification.
    if (Number(payload) <= (this.#cursor?.position ?? -1)) return;
    this.#rhythm.wake();
  }

  #onConnected(): void {
    this.#isConnected = true;
    // A row that was removed while we were away must be back before we trust our cache.
    this.#acknowledged = undefined;
    this.#rhythm.wake();
  }

  #onLost(): void {
    const { log } = this.#options;
    if (this.#isConnected) log.warn({ event: "bus_lost", position: this.position() }, "bus lost");
    this.#isConnected = false;
    this.#probe.forget();
  }

  async #run(listener: Listener): Promise<void> {
    const { log } = this.#options;
    let failedTurns = 0;
    while (!this.#rhythm.isStopped()) {
      this.#rhythm.begin();
      let isMore = false;
      try {
        isMore = await this.#turn(listener);
        if (failedTurns > 0) log.info({ event: "bus_back", failedTurns }, "bus is back");
        failedTurns = 0;
      } catch (error) {
        this.#failureCount++;
        this.#meters.failed();
        // Once per outage: five lines a second would say nothing more.
        if (failedTurns++ === 0) log.warn({ event: "bus_failed", error }, "the bus turn failed");
      }
      this.#probe.check();
      if (!isMore) await this.#rhythm.rest();
    }
  }

  /** True when there is more to read at once. */
  async #turn(listener: Listener): Promise<boolean> {
    const { clock, lease, leaseMs } = this.#options;
    const sentMonotonicMs = clock.monotonicMs();
    const sentWallMs = clock.nowMs();
    const rows = await listener.read(sql.unnamed(pageStatement(this.position())));
    const page = readPage(rows);
    this.#readCount++;
    this.#meters.observeRead((clock.monotonicMs() - sentMonotonicMs) / 1000);
    const step = advance(this.#cursor, page);
    this.#apply(step);
    // Before the lease: what is cached now may be verified anew, and only by keys that count.
    await this.#options.keys?.sync(page.keyVersion, step.jump !== undefined);
    if (!step.isComplete) return true;
    // A standby may show us yesterday: nothing is lost by reading it, but it renews nothing.
    if (page.isStandby) throw new Error("the database is a standby; the lease needs the primary");
    if (this.#isUnknownToOthers()) {
      await this.#acknowledge(listener);
      // Read again: who did not see our row did not wait for us, and what he changed is there now.
      return true;
    }
    lease.grant(sentMonotonicMs, sentWallMs, leaseMs);
    this.#onLive?.();
    if (this.#isAcknowledgementDue()) await this.#acknowledge(listener);
    if (this.#isConnected) await this.#probe.send(listener);
    return false;
  }

  #apply({ keys, jump, cursor }: Step): void {
    const { generations, log } = this.#options;
    for (const key of keys) generations.bump(key);
    if (jump !== undefined) {
      this.#jumpCount++;
      this.#meters.jumped(jump);
      log[jump === "start" ? "info" : "warn"](
        { event: "bus_jumped", reason: jump, from: this.position(), to: cursor.position },
        "everything cached was dropped",
      );
    } else if (keys.length > 0) this.#meters.applied(keys.length);
    this.#cursor = cursor;
  }

  #isUnknownToOthers(): boolean {
    if (this.#acknowledged === undefined) return true;
    const sinceMs = this.#options.clock.monotonicMs() - this.#acknowledged.atMs;
    return sinceMs >= revocationLimits.registerAgainMs;
  }

  #isAcknowledgementDue(): boolean {
    const { clock } = this.#options;
    const { reached, kids, atMs } = this.#acknowledged!;
    if (reached !== this.position() || kids !== this.#kids()) return true;
    return clock.monotonicMs() - atMs >= revocationLimits.acknowledgeEveryMs;
  }

  async #acknowledge(listener: Listener): Promise<void> {
    const { clock, instanceId } = this.#options;
    const now = { reached: this.position()!, kids: this.#kids() };
    const atMs = clock.monotonicMs();
    await listener.query(sql.unnamed(acknowledgement(instanceId, now, this.#forgottenMs)));
    this.#acknowledged = { ...now, atMs };
  }

  #kids(): readonly string[] {
    return this.#options.keys?.kids() ?? NO_KIDS;
  }
}
