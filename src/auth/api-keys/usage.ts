import type { ApiKeyTerms, KeyQuota } from "../../http/principal.ts";
import type { Clock } from "../../platform/clock.ts";
import { apiKeyLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import { writeUsage } from "./store-usage.ts";

/** What this thread knows of one key's use. */
export interface KeyUse {
  readonly id: string;
  quota: KeyQuota | undefined;
  /** Of the period: days since the epoch at which it was last looked at, and its first day. */
  day: number;
  periodStart: string;
  /** Requests in the period: as the database said last, on their way to it, and since. */
  written: number;
  writing: number;
  pending: number;
  usedAtMs: number;
  network: string | undefined;
}

const DAY_MS = 86_400_000;

/**
 * Counts what keys are used for, in memory: nothing is written for a request. What came together is
 * written every few seconds in one statement, whose answer says what all threads and processes
 * counted together. So a quota may be passed by what the others let through since the last answer,
 * and a crash forgets what was not written yet.
 */
export interface KeyUsage {
  /** Kept by whoever holds the key's principal, which lives shorter than an idle entry here. */
  of(terms: ApiKeyTerms): KeyUse;
  /** Counts a request; false when the quota is used up. `networkOf` is asked once a batch. */
  count(use: KeyUse, networkOf: () => string | undefined): boolean;
  /** Whole seconds until the quota's next period. */
  secondsLeft(use: KeyUse): number;
  flush(): Promise<void>;
  /** Writes what is left and stops. */
  close(): Promise<void>;
}

export interface KeyUsageOptions {
  readonly database: Pick<Database, "query">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export function createKeyUsage(options: KeyUsageOptions): KeyUsage {
  const { clock } = options;
  const uses = new Map<string, KeyUse>();
  const write = createWriter(options, uses);
  let flushing: Promise<void> | undefined;

  const flush = () => (flushing ??= write().finally(() => (flushing = undefined)));
  const timer = setInterval(() => void flush(), apiKeyLimits.flushEveryMs);
  timer.unref();
  options.metrics.gauge("brigade_api_keys_counted", "API keys that threads count for", () => {
    return uses.size;
  });

  return {
    of(terms) {
      let use = uses.get(terms.id);
      if (use === undefined) {
        use = newUse(terms, clock.nowMs());
        uses.set(terms.id, use);
      }
      learn(use, terms.quota);
      return use;
    },
    count(use, networkOf) {
      const nowMs = clock.nowMs();
      turnPeriod(use, nowMs);
      const { quota } = use;
      if (quota !== undefined && use.written + use.writing + use.pending >= quota.count) {
        return false;
      }
      if (use.pending === 0) use.network = networkOf();
      use.pending += 1;
      use.usedAtMs = nowMs;
      return true;
    },
    secondsLeft: (use) => Math.ceil((periodEndMs(use) - clock.nowMs()) / 1000),
    flush,
    async close() {
      clearInterval(timer);
      await flushing;
      await flush();
    },
  };
}

function newUse(terms: ApiKeyTerms, nowMs: number): KeyUse {
  const use: KeyUse = {
    id: terms.id,
    quota: terms.quota,
    day: -1,
    periodStart: "",
    written: 0,
    writing: 0,
    pending: 0,
    usedAtMs: nowMs,
    network: undefined,
  };
  turnPeriod(use, nowMs);
  return use;
}

/** A look-up may know more than we do, and another quota. */
function learn(use: KeyUse, quota: KeyQuota | undefined): void {
  use.quota = quota;
  if (quota !== undefined && quota.periodStart === use.periodStart) {
    use.written = Math.max(use.written, quota.used);
  }
}

/** In another period nothing was used yet. Looked at once a day. */
function turnPeriod(use: KeyUse, nowMs: number): void {
  const day = Math.floor(nowMs / DAY_MS);
  if (day === use.day) return;
  use.day = day;
  const start = periodStartOf(use.quota?.period ?? "day", day);
  if (start === use.periodStart) return;
  use.periodStart = start;
  use.written = use.writing = use.pending = 0;
}

function periodStartOf(period: KeyQuota["period"], day: number): string {
  const text = new Date(day * DAY_MS).toISOString().slice(0, 10);
  return period === "day" ? text : `${text.slice(0, 8)}01`;
}

function periodEndMs({ quota, periodStart, day }: KeyUse): number {
  if (quota?.period !== "month") return (day + 1) * DAY_MS;
  const [year, month] = periodStart.split("-").map(Number);
  return Date.UTC(year!, month!, 1);
}

function createWriter(options: KeyUsageOptions, uses: Map<string, KeyUse>) {
  const { database, clock, log, metrics } = options;
  const writes = (outcome: string) =>
    metrics.counter("brigade_api_key_usage_writes_total", "Batches of counted requests", {
      outcome,
    });
  const [written, failed] = [writes("written"), writes("failed")];

  async function writeBatch(batch: readonly KeyUse[]): Promise<void> {
    const rows = batch.map((use) => {
      use.writing = use.pending;
      use.pending = 0;
      const { id, usedAtMs, network, periodStart, writing: count } = use;
      return { use, id, usedAtMs, network, periodStart, count };
    });
    try {
      const totals = await writeUsage(database, rows);
      for (const { use, id, periodStart } of rows) {
        if (use.periodStart !== periodStart) continue;
        use.writing = 0;
        const total = totals.get(id);
        if (total?.periodStart === periodStart) use.written = total.used;
      }
      written.add();
    } catch (error) {
      // Counted once more with the next batch.
      for (const { use, periodStart, count } of rows) {
        if (use.periodStart !== periodStart) continue;
        use.pending += count;
        use.writing = 0;
      }
      failed.add();
      log.debug({ event: "api_key_usage_not_written", error });
    }
  }

  return async () => {
    const idleSinceMs = clock.nowMs() - apiKeyLimits.countedIdleMs;
    const waiting: KeyUse[] = [];
    for (const use of uses.values()) {
      if (use.pending > 0) waiting.push(use);
      else if (use.usedAtMs < idleSinceMs) uses.delete(use.id);
    }
    for (let at = 0; at < waiting.length; at += apiKeyLimits.flushBatchMax) {
      await writeBatch(waiting.slice(at, at + apiKeyLimits.flushBatchMax));
    }
  };
}
