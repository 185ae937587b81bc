import type { Exchange } from "../../http/exchange.ts";
import { createRateLimiter } from "../../http/rate-limit.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { decisionLimits as limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import { callerOfRefusal, decisionOf, type Decision, type Refusal } from "./decision.ts";
import { insertDecisions } from "./store-decisions.ts";

export interface Decisions {
  /** Keeps why a request was refused; writes nothing now and never throws. */
  refused(exchange: Exchange, refusal: Refusal): void;
  /** Writes what is kept. */
  flush(): Promise<void>;
}

export interface DecisionsOptions {
  readonly database: Pick<Database, "query">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Other than usual, for tests; Infinity: only when `flush` is called. */
  readonly flushEveryMs?: number;
}

/**
 * Collects the refusals of one thread and writes them in batches, off the way of any request. Two
 * budgets bound what an attacker can make us write: one for callers that a token proved, one for
 * everybody else, so that a flood of strangers leaves the reasons of the known ones resolvable.
 */
export function createDecisions(options: DecisionsOptions): Decisions {
  const { database, clock, metrics, log, flushEveryMs = limits.flushEveryMs } = options;
  const counter = (outcome: string) =>
    metrics.counter("brigade_audit_decisions_total", "Refusals by what became of their reasons", {
      outcome,
    });
  const [kept, leftOut, lost] = [counter("kept"), counter("left_out"), counter("lost")];
  const known = createBudget(limits.knownBurst, limits.knownPerSecond, clock);
  const strangers = createBudget(limits.strangerBurst, limits.strangerPerSecond, clock);
  let waiting: Decision[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let isFlushing = false;

  async function write(): Promise<void> {
    const batch = waiting.splice(0, limits.batchMax);
    try {
      await insertDecisions(database, batch);
      kept.add(batch.length);
    } catch (error) {
      // Tried again while the database is away, as far as there is room; else it is of no use.
      const isAway = error instanceof AppError && error.code === "unavailable";
      const room = isAway ? Math.max(0, limits.waitingMax - waiting.length) : 0;
      const again = room === 0 ? [] : batch.slice(-room);
      lost.add(batch.length - again.length);
      waiting = [...again, ...waiting];
      log.debug({ event: "decisions_not_written", error });
    }
    writing = undefined;
    if (waiting.length > 0) schedule();
  }

  function schedule(): void {
    if (timer !== undefined || writing !== undefined || isFlushing) return;
    if (flushEveryMs === Infinity) return;
    timer = setTimeout(() => {
      timer = undefined;
      writing = write();
    }, flushEveryMs);
    timer.unref();
  }

  return {
    refused(exchange, refusal) {
      const budget = callerOfRefusal(exchange, refusal) === undefined ? strangers : known;
      if (!budget.take() || waiting.length >= limits.waitingMax) {
        leftOut.add();
        return;
      }
      waiting.push(decisionOf(exchange, refusal, clock.nowMs()));
      schedule();
    },
    async flush() {
      isFlushing = true;
      clearTimeout(timer);
      timer = undefined;
      await writing;
      // What another attempt at a database that is away would not change is left.
      for (let left = Infinity; waiting.length > 0 && waiting.length < left;) {
        left = waiting.length;
        await write();
      }
      isFlushing = false;
      if (waiting.length > 0) schedule();
    },
  };
}

/** So many at once, and then so many a second, of this thread alone. */
function createBudget(count: number, perSecond: number, clock: Clock) {
  const limiter = createRateLimiter({ clock, limit: { count, seconds: count / perSecond } });
  return { take: () => limiter.take("all").allowed };
}
