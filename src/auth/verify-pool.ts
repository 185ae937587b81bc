import type { Piscina } from "piscina";
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
  const pool = new BatchingPool(options);
  return {
    verify: (task) => pool.verify(task),
    stats: () => pool.stats(),
    start: () => pool.start(),
    close: () => pool.close(),
  };
}

class BatchingPool implements VerifyPool {
  readonly #options: VerifyPoolOptions;
  readonly #deadlineMs: number;
  readonly #batchesMax: number;
  readonly #counters: ReturnType<typeof createCounters>;
  readonly #totals = { tokens: 0, batches: 0, overloads: 0, restarts: 0 };
  #waiting: Waiter[] = [];
  #inFlight = new Set<Waiter[]>();
  #isScheduled = false;
  #state: PoolState = "cold";
  #threads: Piscina | undefined;

  constructor(options: VerifyPoolOptions) {
    this.#options = options;
    this.#deadlineMs = options.batchDeadlineMs ?? limits.batchDeadlineMs;
    this.#batchesMax = options.threads * limits.batchesPerThreadMax;
    this.#counters = createCounters(options.metrics, () => this.#waiting.length);
  }

  verify(task: VerifyTask): boolean | Promise<boolean> {
    // A shared secret does not travel, and its check costs less than the way.
    if (this.#state !== "warm" || task.key.jwk === undefined) return verifyInline(task);
    if (this.#waiting.length >= limits.waitingTokensMax) {
      this.#totals.overloads++;
      this.#counters.overloads.add();
      return Promise.reject(overloaded("too many tokens wait for verification"));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject });
      if (this.#waiting.length >= limits.batchTokensMax) this.#dispatch();
      else this.#schedule();
    });
  }

  stats(): VerifyPoolStats {
    const [waiting, batchesInFlight] = [this.#waiting.length, this.#inFlight.size];
    return { state: this.#state, waiting, batchesInFlight, ...this.#totals };
  }

  start(): Promise<void> {
    return this.#state === "cold" ? this.#warm() : Promise.resolve();
  }

  async close(): Promise<void> {
    this.#state = "closed";
    const lost = this.#waiting;
    this.#waiting = [];
    refuse(lost, "the verify pool is closing");
    await this.#threads?.close({ force: true });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    if (this.#state !== "warm") return;
    while (this.#waiting.length > 0 && this.#inFlight.size < this.#batchesMax) {
      const batch = this.#waiting.splice(0, limits.batchTokensMax);
      this.#inFlight.add(batch);
      void this.#run(batch, this.#threads!);
    }
  }

  async #run(batch: Waiter[], threads: Piscina): Promise<void> {
    const { clock, log } = this.#options;
    const startedMs = clock.monotonicMs();
    // One more turn: after a long pause of this thread the verdicts may be in its queue already.
    const late = () => this.#inFlight.has(batch) && this.#renew(threads);
    const timer = setTimeout(() => setImmediate(late), this.#deadlineMs);
    try {
      const verdicts: Verdicts = await threads.run(toBatch(batch.map(({ task }) => task)));
      this.#settle(batch, verdicts);
    } catch (error) {
      // The thread ended, or the pool was destroyed under the batch.
      log.warn({ error }, "a verification batch failed");
      refuse(batch, "a verification batch failed");
    } finally {
      clearTimeout(timer);
      this.#counters.seconds.observe((clock.monotonicMs() - startedMs) / 1000);
      this.#inFlight.delete(batch);
      this.#dispatch();
    }
  }

  #settle(batch: Waiter[], verdicts: Verdicts): void {
    this.#totals.batches++;
    this.#totals.tokens += batch.length;
    this.#counters.batches.add();
    this.#counters.tokens.add(batch.length);
    for (const [index, { resolve }] of batch.entries()) resolve(verdicts[index] === 1);
  }

  /** The threads hang: other threads take over. They own nothing but this work. */
  #renew(hanging: Piscina): void {
    if (this.#threads !== hanging || this.#state === "closed") return;
    const note = "a verification batch is past its deadline";
    this.#options.log.error({ note }, "the verify pool is made anew");
    this.#totals.restarts++;
    this.#counters.restarts.add();
    const lost = [...this.#inFlight, this.#waiting];
    this.#inFlight = new Set();
    this.#waiting = [];
    for (const batch of lost) refuse(batch, note);
    void hanging.destroy().catch(() => {});
    void this.#warm();
  }

  async #warm(): Promise<void> {
    const { threads, worker, log } = this.#options;
    this.#state = "warming";
    try {
      const fresh = await createThreads(threads, this.#deadlineMs, worker);
      // It may have been closed in the meantime, here as below.
      if (this.#state !== "warming") return void fresh.destroy();
      this.#threads = fresh;
      fresh.on("error", (error) => log.error({ error }, "a verify thread failed"));
      const empty = toBatch([]);
      await Promise.all(Array.from({ length: this.#batchesMax }, () => fresh.run(empty)));
      if (this.#state === "warming") this.#state = "warm";
    } catch (error) {
      log.error({ error }, "the verify pool did not start");
    }
  }
}

function refuse(batch: readonly Waiter[], note: string): void {
  const error = overloaded(note);
  for (const { reject } of batch) reject(error);
}

function overloaded(note: string): AppError {
  const headers = { "retry-after": String(limits.retryAfterSeconds) };
  return platformErrors.failure("overloaded", { note, headers });
}

/** `sync`, piscina's default, parks idle threads where they hear nothing: they need to hear nothing. */
async function createThreads(
  threads: number,
  deadlineMs: number,
  worker = workerFile(),
): Promise<Piscina> {
  // Loaded when the thread serves already: the start does not wait for it.
  const { Piscina } = await import("piscina");
  const { href } = worker;
  return new Piscina({
    filename: href,
    minThreads: threads,
    maxThreads: threads,
    // The next batch is at the thread before it has finished the one at hand.
    concurrentTasksPerWorker: limits.batchesPerThreadMax,
    recordTiming: false,
    closeTimeout: deadlineMs,
    // Under `register()` a thread inherits no loader.
    ...(href.endsWith(".ts") ? { execArgv: ["--import", import.meta.resolve("tsx")] } : {}),
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
