import type { Piscina } from "piscina";
import { systemClock, type Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import { platformErrors, type AppError } from "../../platform/errors.ts";
import { passwordLimits as limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Histogram, Metrics } from "../../platform/metrics.ts";
import { toPasswords, type RunPasswordTask } from "./run-tasks.ts";
import type { Passwords } from "./password-port.ts";
import type { PasswordResult, PasswordTask } from "./task.ts";

export interface PasswordPoolOptions {
  readonly config: Pick<Config, "passwordThreads" | "passwordHash">;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Tasks that may wait, of all HTTP threads together. */
  readonly queueMax?: number;
  /** Told how many tasks run and wait, whenever that changes. */
  readonly onCount?: (tasks: number) => void;
}

export interface PasswordPoolStats {
  readonly running: number;
  readonly waiting: number;
  /** Tasks that a thread finished; refused and cancelled ones are not among them. */
  readonly done: number;
  readonly refused: number;
  readonly cancelled: number;
}

export interface PasswordPool extends Passwords {
  /** Rejects with `overloaded` when the queue is full, `unavailable` when cancelled in it. */
  readonly run: RunPasswordTask;
  stats(): PasswordPoolStats;
  /** Refuses what waits, lets what runs finish, ends the threads. */
  close(): Promise<void>;
}

interface Waiter {
  readonly task: PasswordTask;
  resolve(value: unknown): void;
  reject(error: AppError): void;
}

/**
 * Main's threads for password work. Hashing in them, synchronously, keeps libuv's own four threads
 * free for everybody else. The queue is ours and not Piscina's: a task that waits can be cancelled
 * without a thread being ended, and is counted before anything is sent. No thread runs before the
 * first task.
 */
export function createPasswordPool(options: PasswordPoolOptions): PasswordPool {
  return new WaitingPool(options);
}

class WaitingPool implements PasswordPool {
  readonly hash: Passwords["hash"];
  readonly verify: Passwords["verify"];
  readonly matches: Passwords["matches"];
  readonly assess: Passwords["assess"];
  readonly drawQr: Passwords["drawQr"];
  readonly #threads: number;
  readonly #algorithm: Config["passwordHash"];
  readonly #queueMax: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #seconds: Histogram;
  readonly #onCount: (tasks: number) => void;
  readonly #waiting = new Set<Waiter>();
  readonly #totals = { done: 0, refused: 0, cancelled: 0 };
  #running = 0;
  #pool: Promise<Piscina> | undefined;
  #isClosed = false;

  constructor({ config, metrics, log, clock, queueMax, onCount }: PasswordPoolOptions) {
    this.#onCount = onCount ?? (() => {});
    this.#threads = config.passwordThreads;
    this.#algorithm = config.passwordHash;
    this.#queueMax = queueMax ?? limits.queueMax;
    this.#clock = clock ?? systemClock;
    this.#log = log;
    this.#seconds = metrics.histogram("brigade_password_seconds", "Time of password work");
    const waiting = () => this.#waiting.size;
    metrics.gauge("brigade_password_waiting", "Password tasks that wait for a thread", waiting);
    const tasks = toPasswords((task, signal) => this.run(task, signal));
    this.hash = tasks.hash;
    this.verify = tasks.verify;
    this.matches = tasks.matches;
    this.assess = tasks.assess;
    this.drawQr = tasks.drawQr;
  }

  run(task: PasswordTask, signal?: AbortSignal): Promise<unknown> {
    const refusal = this.#refusalOf(signal);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const waiter = { task, resolve, reject };
      this.#waiting.add(waiter);
      signal?.addEventListener("abort", () => this.#cancel(waiter), { once: true });
      this.#dispatch();
      this.#tellCount();
    });
  }

  stats(): PasswordPoolStats {
    return { running: this.#running, waiting: this.#waiting.size, ...this.#totals };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiter of this.#waiting) waiter.reject(overloaded());
    this.#waiting.clear();
    const pool = await this.#pool;
    await pool?.close();
  }

  #refusalOf(signal: AbortSignal | undefined): AppError | undefined {
    if (signal?.aborted === true) {
      this.#totals.cancelled++;
      return cancelled();
    }
    const hasRoom = this.#running < this.#threads || this.#waiting.size < this.#queueMax;
    if (hasRoom && !this.#isClosed) return undefined;
    this.#totals.refused++;
    return overloaded();
  }

  #cancel(waiter: Waiter): void {
    // What has begun is finished: a thread cannot be interrupted in a hash.
    if (!this.#waiting.delete(waiter)) return;
    this.#totals.cancelled++;
    this.#tellCount();
    waiter.reject(cancelled());
  }

  #tellCount(): void {
    this.#onCount(this.#running + this.#waiting.size);
  }

  #dispatch(): void {
    for (const waiter of this.#waiting) {
      if (this.#running >= this.#threads) return;
      this.#waiting.delete(waiter);
      this.#running++;
      void this.#perform(waiter);
    }
  }

  async #perform({ task, resolve, reject }: Waiter): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    try {
      this.#pool ??= createThreads(this.#threads, this.#log);
      const job = { task, algorithm: this.#algorithm };
      const result = (await (await this.#pool).run(job)) as PasswordResult;
      if (result.ok) resolve(result.value);
      else reject(platformErrors.failure("internal", { note: `password work: ${result.fault}` }));
      this.#totals.done++;
    } catch {
      // The thread ended. What it was doing stays unsaid: the error may hold the task.
      this.#log.error("a password thread ended in its work");
      reject(platformErrors.failure("unavailable", { note: "a password thread ended" }));
    } finally {
      this.#seconds.observe((this.#clock.monotonicMs() - startedMs) / 1000);
      this.#running--;
      this.#dispatch();
      this.#tellCount();
    }
  }
}

/** What main serves to an HTTP thread: `port.serve("password", handlePasswordRequest(pool))`. */
export function handlePasswordRequest(pool: { readonly run: RunPasswordTask }) {
  return (task: PasswordTask, signal: AbortSignal): Promise<unknown> => pool.run(task, signal);
}

function overloaded(): AppError {
  const headers = { "retry-after": String(limits.retryAfterSeconds) };
  return platformErrors.failure("overloaded", { note: "too many password tasks wait", headers });
}

function cancelled(): AppError {
  return platformErrors.failure("unavailable", { note: "password work was cancelled" });
}

async function createThreads(threads: number, log: Logger): Promise<Piscina> {
  // Loaded for the first password, so that main starts without it.
  const { Piscina } = await import("piscina");
  const fromSource = import.meta.url.endsWith(".ts");
  const worker = new URL(`../../../workers/password.${fromSource ? "ts" : "js"}`, import.meta.url);
  const pool = new Piscina({
    filename: worker.href,
    minThreads: 0,
    maxThreads: threads,
    // A thread that is idle this long is ended: the dictionaries weigh 60 MB.
    idleTimeout: limits.threadIdleMs,
    recordTiming: false,
    // Under `register()` a thread inherits no loader.
    ...(fromSource ? { execArgv: ["--import", import.meta.resolve("tsx")] } : {}),
  });
  pool.on("error", (error) => log.error({ fault: error.name }, "a password thread failed"));
  return pool;
}
