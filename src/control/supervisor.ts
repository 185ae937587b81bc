import { systemClock } from "../platform/clock.ts";
import { controlLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { StartOrder, ThreadData } from "../platform/thread-data.ts";
import { startHttpThread, type HttpThread } from "./http-thread.ts";

/*
 * A slot is one place for an HTTP thread. Its states:
 *
 *   starting ──listening──▶ serving ──exit──▶ waiting ──back-off──▶ starting
 *      └────────exit────────────────────────────▲
 *
 * While draining no slot leaves `waiting`, and the supervisor is done when no thread is left. A
 * slot that falls over `crashesMax` times within `crashWindowMs` ends the process: the process
 * manager starts it afresh, or tells somebody.
 */

export interface SupervisorPorts {
  readonly log: Logger;
  readonly threads: number;
  /** Builds the start data of a slot; called anew for each start. */
  dataOf(slot: number): ThreadData;
  /** Subscribes to a new thread's questions and events before it can ask any. */
  attach(thread: HttpThread): void;
  /** A thread is gone: frees what it owned in the shared memory. */
  release(thread: HttpThread): void;
  /** A slot crashed too often, or a thread hangs: ends the process hard. */
  giveUp(reason: string): void;
}

export interface Supervisor {
  /** Subscribes to every thread there is, and to each that comes later, as `ports.attach` does. */
  attach(attach: (thread: HttpThread) => void): void;
  /** Creates the threads; they load their code while main opens the database. */
  load(): void;
  /** Tells the loaded threads to serve. Resolves to the port when all of them listen. */
  start(order: (port: number | undefined) => StartOrder): Promise<number>;
  /** All threads that are not gone. */
  live(): readonly HttpThread[];
  /** Those that were told to serve, with what they were told then. */
  told(): readonly HttpThread[];
  serving(): readonly HttpThread[];
  /** Asks every thread to drain. Resolves when all are gone. */
  drain(): Promise<void>;
}

export function createSupervisor(ports: SupervisorPorts): Supervisor {
  const { log } = ports;
  const current = new Map<number, HttpThread>();
  const attachments = [ports.attach];
  const told = new Set<HttpThread>();
  const listening = new Set<HttpThread>();
  const countFall = createFallCount();
  let order: ((port: number | undefined) => StartOrder) | undefined;
  let port: number | undefined;
  let draining = false;

  function begin(slot: number): HttpThread {
    const thread = startHttpThread(ports.dataOf(slot));
    current.set(slot, thread);
    for (const attach of attachments) attach(thread);
    void thread.gone.then((error) => ended(thread, error));
    return thread;
  }

  function ended(thread: HttpThread, error: Error | undefined): void {
    const wasServing = listening.delete(thread);
    told.delete(thread);
    current.delete(thread.slot);
    ports.release(thread);
    if (draining) return;
    log.error({ slot: thread.slot, err: error, was_serving: wasServing }, "an HTTP thread ended");
    const falls = countFall(thread.slot);
    if (order === undefined) return; // The start itself fails, through `listening`.
    if (falls > controlLimits.crashesMax) {
      return ports.giveUp(`HTTP thread ${thread.slot} ended ${falls} times`);
    }
    const again = () => (draining ? undefined : serve(begin(thread.slot)).catch(() => {}));
    setTimeout(again, pauseMs(falls)); // A failed restart comes back through `gone`.
  }

  async function serve(thread: HttpThread): Promise<number> {
    await thread.loaded;
    told.add(thread);
    thread.port.emit("start", order?.(port));
    port = await thread.listening;
    listening.add(thread);
    return port;
  }

  return {
    attach(attach) {
      attachments.push(attach);
      current.forEach((thread) => attach(thread));
    },
    load() {
      for (let slot = 0; slot < ports.threads; slot++) begin(slot);
    },
    async start(makeOrder) {
      order = makeOrder;
      const [first, ...others] = [...current.values()];
      const found = await serve(first!);
      await Promise.all(others.map(serve));
      return found;
    },
    live: () => [...current.values()],
    told: () => [...told],
    serving: () => [...listening],
    async drain() {
      draining = true;
      // Threads that are still starting are known here as well, and get the word when they load.
      for (const thread of current.values()) thread.port.emit("drain");
      await Promise.all([...current.values()].map((thread) => thread.gone));
    },
  };
}

/** How often each slot fell within the window, the present fall included. */
function createFallCount(): (slot: number) => number {
  const fallsMs = new Map<number, number[]>();
  return (slot) => {
    const nowMs = systemClock.monotonicMs();
    const recent = (fallsMs.get(slot) ?? []).filter(
      (atMs) => nowMs - atMs < controlLimits.crashWindowMs,
    );
    fallsMs.set(slot, [...recent, nowMs]);
    return recent.length + 1;
  };
}

/** Twice as long after each fall, but never so long that the falls do not fit into the window. */
function pauseMs(falls: number): number {
  const { crashBackoffMs, crashBackoffMaxMs } = controlLimits;
  return Math.min(crashBackoffMs * 2 ** (falls - 1), crashBackoffMaxMs);
}
