import { setTimeout } from "node:timers/promises";
import { outboxLimits as limits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import {
  countWaiting,
  giveUp,
  markDone,
  postpone,
  putBack,
  takeDue,
  type TakenEntry,
} from "../platform/outbox-store.ts";
import type { Database } from "../platform/postgres.ts";

/** What became of an effect. `away`: not tried, and not to be counted as a try. */
export type Delivery =
  | { readonly kind: "done"; readonly keepContent?: boolean }
  | { readonly kind: "refused" | "failed"; readonly reason: string }
  | { readonly kind: "away" };

/** Carries out the effects of one kind. */
export interface Deliverer {
  readonly kind: string;
  /** False while a try would be in vain: nothing is taken then. */
  isReady(): boolean;
  deliver(entry: TakenEntry): Promise<Delivery>;
}

export interface OutboxOptions {
  readonly database: Pick<Database, "query">;
  readonly deliverers: readonly Deliverer[];
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly pollMs?: number;
  readonly leaseSeconds?: number;
  readonly retryBaseSeconds?: number;
}

export interface Outbox {
  /** Finishes what is in hand, for a moment: what is left is due again when its lease is out. */
  stop(): Promise<void>;
}

/**
 * Carries out what transactions wrote down: takes what is due, tries, marks. A process that is
 * killed between the effect and the mark leaves an entry that is due again when its lease is out,
 * so an effect happens at least once.
 */
export function startOutbox(options: OutboxOptions): Outbox {
  const { log, pollMs = limits.pollMs } = options;
  const ending = new AbortController();
  const counts = createCounts(options);

  async function run(): Promise<void> {
    while (!ending.signal.aborted) {
      let pauseMs = pollMs;
      try {
        // A full batch: there may be more.
        if ((await turn(options, counts.of)) >= limits.batchMax) pauseMs = 0;
      } catch (error) {
        log.warn({ err: error }, "the outbox cannot be read; it is tried again");
        pauseMs = limits.pollAfterFailureMs;
      }
      await setTimeout(pauseMs, undefined, { signal: ending.signal }).catch(() => {});
    }
  }
  const running = run();
  return {
    async stop() {
      ending.abort();
      await Promise.race([running, setTimeout(limits.stopMs, undefined, { ref: false })]);
    },
  };
}

/** Takes one batch and deals with it; returns how many entries it had. */
async function turn(
  options: OutboxOptions,
  count: (kind: string, outcome: Outcome) => void,
): Promise<number> {
  const ready = options.deliverers.filter((deliverer) => deliverer.isReady());
  if (ready.length === 0) return 0;
  const kinds = ready.map(({ kind }) => kind);
  const entries = await takeDue(options.database, kinds, options.leaseSeconds);
  await Promise.all(
    entries.map(async (entry) => {
      const deliverer = ready.find(({ kind }) => kind === entry.kind)!;
      count(entry.kind, await dealWith(options, deliverer, entry));
    }),
  );
  return entries.length;
}

type Outcome = "done" | "retry" | "given_up" | "away";

async function dealWith(
  { database, log, retryBaseSeconds }: OutboxOptions,
  deliverer: Deliverer,
  entry: TakenEntry,
): Promise<Outcome> {
  const delivery = await deliverer.deliver(entry).catch((error: unknown): Delivery => {
    log.warn({ err: error, outbox_id: entry.id }, "an effect could not be tried");
    return { kind: "failed", reason: (error as Error).name };
  });
  switch (delivery.kind) {
    case "done":
      await markDone(database, entry, delivery.keepContent ?? false);
      return "done";
    case "away":
      await putBack(database, entry, pauseSeconds(1, retryBaseSeconds));
      return "away";
    case "failed":
      if (entry.attempt < limits.attemptsMax) {
        await postpone(
          database,
          entry,
          pauseSeconds(entry.attempt, retryBaseSeconds),
          delivery.reason,
        );
        return "retry";
      }
      break;
    case "refused":
  }
  const { id, kind, payload, attempt } = entry;
  const fields = { outbox_id: id, kind, name: payload["name"], attempt, reason: delivery.reason };
  log.error({ event: "outbox_given_up", ...fields }, "an effect is given up");
  await giveUp(database, entry, delivery.reason);
  return "given_up";
}

/** Twice as long each time, spread over its upper half: many failures do not come back at once. */
export function pauseSeconds(
  attempt: number,
  baseSeconds: number = limits.retryBaseSeconds,
): number {
  const whole = Math.min(limits.retryMaxSeconds, baseSeconds * 2 ** (attempt - 1));
  return whole * (0.5 + Math.random() / 2);
}

function createCounts({ database, metrics, deliverers }: OutboxOptions) {
  let waiting = { count: 0, oldestSeconds: 0 };
  const refresh = () => {
    // The answer is shown by the next look at the metrics.
    void countWaiting(database).then(
      (now) => (waiting = now),
      () => {},
    );
  };
  metrics.gauge("brigade_outbox_waiting", "Effects that wait for their delivery", () => {
    refresh();
    return waiting.count;
  });
  metrics.gauge(
    "brigade_outbox_oldest_seconds",
    "Age of the effect that waits longest",
    () => waiting.oldestSeconds,
  );
  const outcomes: readonly Outcome[] = ["done", "retry", "given_up", "away"];
  const counters = new Map(
    deliverers.flatMap(({ kind }) =>
      outcomes.map((outcome) => [
        `${kind} ${outcome}`,
        metrics.counter("brigade_outbox_deliveries_total", "Tries of effects", { kind, outcome }),
      ]),
    ),
  );
  return { of: (kind: string, outcome: Outcome) => counters.get(`${kind} ${outcome}`)?.add() };
}
