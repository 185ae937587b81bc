import { Piscina } from "piscina";
import { platformErrors, type AppError } from "../platform/errors.ts";
import { verifyPoolLimits as limits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Clock } from "../platform/clock.ts";
import { toBatch, type VerifyTask, type Verdicts } from "./token/batch.ts";
import { verifySignature } from "./token/verify.ts";

export type { VerifyTask } from "./token/batch.ts";

/** Checks one signature: here and now, or on another thread. */
export type VerifySignature = (task: VerifyTask) => boolean | Promise<boolean>;

export interface VerifyPoolStats {
  readonly state: PoolState;
  /** Tokens that wait for a place in a batch. */
  readonly waiting: number;
  readonly batchesInFlight: number;
  readonly tokens: number;
  readonly batches: number;
  readonly overloads: number;
  readonly restarts: number;
}

export interface VerifyPool {
  /** Rejects with `overloaded` (503) when too many wait or the pool had to be made anew. */
  readonly verify: VerifySignature;
  stats(): VerifyPoolStats;
  /** Starts the threads; until it has resolved, signatures are checked inline. */
  start(): Promise<void>;
  /** Refuses what waits, lets what is in flight finish, ends the threads. */
  close(): Promise<void>;
}

export interface VerifyPoolOptions {
  readonly threads: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Another worker file, and other patience, for tests. */
  readonly worker?: URL;
  readonly batchDeadlineMs?: number;
}

/**
 * cold: no threads yet · warming: they load the worker file · warm: batches go to them · closed.
 * A batch past its deadline leads from warm back to warming with new threads.
 */
type PoolState = "cold" | "warming" | "warm" | "closed";

interface Waiter {
  readonly task: VerifyTask;
  readonly resolve: (verified: boolean) => void;
  readonly reject: (error: AppError) => void;
}

/** Checks a signature in the calling thread: tests, and programs without threads. */
export const verifyInline: VerifySignature = ({ key, signingInput, signature }) =>
  verifySignature(key, signingInput, signature);

/**
 * Signature checks in batches on threads of their own. A token waits for at most one turn of the
 * event loop, so that a batch costs one message instead of one a token; with all threads busy it
 * waits for the next batch that comes back.
 */
export function createVerifyPool(options: VerifyPoolOptions): VerifyPool {
  const { threads, clock, log } = options;
  const deadlineMs = options.batchDeadlineMs ?? limits.batchDeadlineMs;
  const batchesMax = threads * limits.batchesPerThreadMax;
  const counters = createCounters(options.metrics, () => waiting.length);
  const totals = { tokens: 0, batches: 0, overloads: 0, restarts: 0 };
  let waiting: Waiter[] = [];
  let inFlight = new Set<Waiter[]>();
  let scheduled = false;
  let state: PoolState = "cold";
  let pool: Piscina | undefined;

  function verify(task: VerifyTask): boolean | Promise<boolean> {
    // A shared secret does not travel, and its check costs less than the way.
    if (state !== "warm" || task.key.jwk === undefined) return verifyInline(task);
    if (waiting.length >= limits.waitingTokensMax) {
      totals.overloads++;
      counters.overloads.add();
      return Promise.reject(overloaded("too many tokens wait for verification"));
    }
    return new Promise((resolve, reject) => {
      waiting.push({ task, resolve, reject });
      if (waiting.length >= limits.batchTokensMax) dispatch();
      else schedule();
    });
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      dispatch();
    });
  }

  function dispatch(): void {
    if (state !== "warm") return;
    while (waiting.length > 0 && inFlight.size < batchesMax) {
      const batch = waiting.splice(0, limits.batchTokensMax);
      inFlight.add(batch);
      void run(batch, pool!);
    }
  }

  async function run(batch: Waiter[], on: Piscina): Promise<void> {
    const startedMs = clock.monotonicMs();
    // One more turn: after a long pause of this thread the verdicts may be in its queue already.
    const late = () => inFlight.has(batch) && renew(on, "a batch is past its deadline");
    const timer = setTimeout(() => setImmediate(late), deadlineMs);
    try {
      const verdicts: Verdicts = await on.run(toBatch(batch.map(({ task }) => task)));
      settle(batch, verdicts);
    } catch (error) {
      // The thread ended, or the pool was destroyed under the batch.
      log.warn({ err: error }, "a verification batch failed");
      refuse(batch, "a verification batch failed");
    } finally {
      clearTimeout(timer);
      counters.seconds.observe((clock.monotonicMs() - startedMs) / 1000);
      inFlight.delete(batch);
      dispatch();
    }
  }

  function settle(batch: Waiter[], verdicts: Verdicts): void {
    totals.batches++;
    totals.tokens += batch.length;
    counters.batches.add();
    counters.tokens.add(batch.length);
    for (const [index, { resolve }] of batch.entries()) resolve(verdicts[index] === 1);
  }

  function refuse(batch: readonly Waiter[], note: string): void {
    const error = overloaded(note);
    for (const { reject } of batch) reject(error);
  }

  /** The threads hang: other threads take over. They own nothing but this work. */
  function renew(hanging: Piscina, note: string): void {
    if (pool !== hanging || state === "closed") return;
    log.error({ note }, "the verify pool is made anew");
    totals.restarts++;
    counters.restarts.add();
    const lost = [...inFlight, waiting];
    inFlight = new Set();
    waiting = [];
    for (const batch of lost) refuse(batch, note);
    void hanging.destroy().catch(() => {});
    void warm();
  }

  async function warm(): Promise<void> {
    state = "warming";
    const fresh = createThreads(threads, deadlineMs, options.worker);
    pool = fresh;
    fresh.on("error", (error) => log.error({ err: error }, "a verify thread failed"));
    try {
      const empty = toBatch([]);
      await Promise.all(Array.from({ length: batchesMax }, () => fresh.run(empty)));
    } catch (error) {
      if (pool === fresh) log.error({ err: error }, "the verify pool did not start");
      return;
    }
    if (pool === fresh && state === "warming") state = "warm";
  }

  return {
    verify,
    stats: () => ({ state, waiting: waiting.length, batchesInFlight: inFlight.size, ...totals }),
    start: () => (state === "cold" ? warm() : Promise.resolve()),
    async close() {
      state = "closed";
      const lost = waiting;
      waiting = [];
      refuse(lost, "the verify pool is closing");
      await pool?.close({ force: true });
    },
  };
}

function overloaded(note: string): AppError {
  const headers = { "retry-after": String(limits.retryAfterSeconds) };
  return platformErrors.failure("overloaded", { note, headers });
}

/** `sync`, piscina's default, parks idle threads where they hear nothing: they need to hear nothing. */
function createThreads(threads: number, deadlineMs: number, worker = workerFile()): Piscina {
  const fromSource = import.meta.url.endsWith(".ts");
  return new Piscina({
    filename: worker.href,
    minThreads: threads,
    maxThreads: threads,
    // The next batch is at the thread before it has finished the one at hand.
    concurrentTasksPerWorker: limits.batchesPerThreadMax,
    recordTiming: false,
    closeTimeout: deadlineMs,
    // Under `register()` a thread inherits no loader.
    ...(fromSource ? { execArgv: ["--import", import.meta.resolve("tsx")] } : {}),
  });
}

/** tsc rewrites no file names in texts: the worker has our own extension. */
function workerFile(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`../../workers/jwt.${extension}`, import.meta.url);
}

function createCounters(metrics: Metrics, waiting: () => number) {
  const name = "brigade_verify";
  metrics.gauge(`${name}_waiting_tokens`, "Tokens that wait for a place in a batch", waiting);
  return {
    tokens: metrics.counter(`${name}_tokens_total`, "Signatures checked by the verify pool"),
    batches: metrics.counter(`${name}_batches_total`, "Batches sent to the verify pool"),
    overloads: metrics.counter(`${name}_overloads_total`, "Tokens refused: too many waiting"),
    restarts: metrics.counter(`${name}_restarts_total`, "Times the verify pool was made anew"),
    seconds: metrics.histogram(`${name}_batch_seconds`, "Time of a verification batch"),
  };
}
