import { systemClock } from "./clock.ts";
import { lifecycleLimits } from "./limits.ts";
import { flushLog, type Logger } from "./log.ts";

/** What was opened and must be closed, in the order of opening. */
export interface Lifecycle {
  /** Whoever opens something hands its closer over in the same breath. */
  own(name: string, close: () => Promise<void> | void): void;
  /** Closes everything, the last opened first. A closer that fails does not stop the others. */
  close(): Promise<void>;
  openCount(): number;
}

export function createLifecycle(log: Pick<Logger, "error" | "debug">): Lifecycle {
  const owned: { name: string; close: () => Promise<void> | void }[] = [];
  let closing: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    for (let last = owned.at(-1); last !== undefined; last = owned.at(-1)) {
      log.debug({ closes: last.name }, "closing");
      try {
        await last.close();
      } catch (error) {
        log.error({ error, closes: last.name }, "could not be closed");
      }
      owned.splice(owned.indexOf(last), 1);
    }
  }

  return {
    own: (name, close) => void owned.push({ name, close }),
    close: () => (closing ??= closeAll().finally(() => (closing = undefined))),
    openCount: () => owned.length,
  };
}

/**
 * Calls `listener` for SIGTERM and SIGINT with the signal and its ordinal: 1 is the first, a
 * greater one an impatient repetition. npm and tsx send each signal twice: within a second of the
 * first it is the same one. Main thread only. Answers a function that stops listening.
 */
export function onSignal(
  listener: (signal: NodeJS.Signals, ordinal: number) => void,
  clock = systemClock,
): () => void {
  let ordinal = 0;
  let firstAtMs = 0;
  const receive = (signal: NodeJS.Signals) => {
    const nowMs = clock.monotonicMs();
    if (ordinal > 0 && nowMs - firstAtMs < lifecycleLimits.sameSignalMs) return;
    if (ordinal === 0) firstAtMs = nowMs;
    listener(signal, ++ordinal);
  };
  process.on("SIGTERM", receive);
  process.on("SIGINT", receive);
  return () => {
    process.off("SIGTERM", receive);
    process.off("SIGINT", receive);
  };
}

/** Calls `listener` for an exception or a rejection that nobody caught, in place of Node's end. */
export function onUncaught(listener: (error: unknown) => void): void {
  process.on("uncaughtException", listener);
  process.on("unhandledRejection", listener);
}

const exitListeners: (() => void)[] = [];

/**
 * Runs `listener`, synchronously, when this thread ends by itself, by `exit` or by an error. The
 * log is written out after the last of them.
 */
export function onExit(listener: () => void): void {
  exitListeners.push(listener);
}

process.once("exit", () => {
  try {
    for (const listener of exitListeners) listener();
  } finally {
    flushLog();
  }
});

/** Ends this thread, or the process when called in main. Only after everything was closed. */
export function exit(code: number): never {
  process.exit(code);
}

/**
 * Ends the process at once. With an App of uWebSockets.js open in any thread `process.exit` is an
 * abort with a core file; this leaves none. Nothing but the log is saved.
 */
export function killHard(): void {
  flushLog();
  process.kill(process.pid, "SIGKILL");
}
