import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { controlLimits } from "../platform/limits.ts";
import { createPort, type ThreadPort } from "../platform/thread-port.ts";
import type { ThreadData } from "../platform/thread-data.ts";

/** One HTTP thread as main sees it, from its creation to its exit. */
export interface HttpThread {
  readonly slot: number;
  readonly spawn: number;
  readonly port: ThreadPort;
  /** Resolves when the code is loaded; the thread then waits for `start`. */
  readonly loaded: Promise<void>;
  /** Resolves to the port it listens on. Rejects when the thread dies first. */
  readonly listening: Promise<number>;
  /** Resolves when the thread is gone, with the error that ended it, if there was one. */
  readonly gone: Promise<Error | undefined>;
}

/**
 * Starts the thread of a slot. Nobody terminates it from outside: a thread that owns an open App
 * takes the process with it (`uv_loop_close() while having open handles`).
 */
export function startHttpThread(data: ThreadData): HttpThread {
  widenNursery();
  const worker = new Worker(...entryOf("http", data));
  const port = createPort(worker);
  let failure: Error | undefined;
  worker.on("error", (error) => (failure = error));
  const gone = new Promise<Error | undefined>((resolve) =>
    worker.once("exit", () => {
      port.abandon();
      resolve(failure);
    }),
  );
  const loaded = once<void>(port, "loaded", gone);
  const listening = once<number>(port, "listening", gone);
  return { slot: data.slot, spawn: data.spawn, port, loaded, listening, gone };
}

/**
 * V8 begins a thread with room for 1 MiB of young objects, and widens it only for those that stay.
 * A request leaves nothing, so a busy thread would collect hundreds of times a second, each time
 * with helpers on all cores. Counts for threads that start from now on; there is no such option of
 * `Worker`.
 */
export function widenNursery(): void {
  setFlagsFromString(`--min-semi-space-size=${controlLimits.nurseryMiB}`);
}

/** On Node 20 a thread cannot start a `.ts` file; `boot.mjs` registers tsx in it first. */
function entryOf(name: string, data: ThreadData): [URL, { workerData: unknown; name: string }] {
  const threadName = `brigade-${name}-${data.slot}`;
  if (import.meta.url.endsWith(".js")) {
    return [
      new URL(`../../workers/${name}.js`, import.meta.url),
      { name: threadName, workerData: data },
    ];
  }
  return [
    new URL("../../workers/boot.mjs", import.meta.url),
    { name: threadName, workerData: { entry: `./${name}.ts`, ...data } },
  ];
}

function once<T>(port: ThreadPort, kind: string, gone: Promise<Error | undefined>): Promise<T> {
  const promise = new Promise<T>((resolve, reject) => {
    port.on(kind, resolve);
    void gone.then((error) => reject(error ?? new Error(`the thread ended before "${kind}"`)));
  });
  // Whoever waits gets the rejection; without a waiter it is no accident.
  promise.catch(() => {});
  return promise;
}
