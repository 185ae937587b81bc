import type { Piscina } from "piscina";
import type { DocumentTask, DrawDocument } from "./documents/document-task.ts";
import { platformErrors, type AppError } from "./errors.ts";
import { documentLimits as limits } from "./limits.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { ThreadPort } from "./thread-port.ts";

export interface DocumentPool {
  /**
   * Rejects with `overloaded` (503) when too many wait, and with `unavailable` (503) when the time
   * is over.
   */
  readonly draw: DrawDocument;
  /** Refuses what waits and ends the threads. */
  close(): Promise<void>;
}

export interface DocumentPoolOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Another worker file, and other patience, for tests. */
  readonly worker?: URL;
  readonly queueMax?: number;
  readonly deadlineMs?: number;
}

/**
 * Main's threads that draw documents: one pool for the process, so that all HTTP threads together
 * draw no more than it has room for. No thread runs before the first document.
 */
export function createDocumentPool(options: DocumentPoolOptions): DocumentPool {
  const { log, metrics, queueMax = limits.queueMax, deadlineMs = limits.deadlineMs } = options;
  let threads: Promise<Piscina> | undefined;
  let taken = 0;
  let isClosed = false;
  metrics.gauge("brigade_documents_taken", "Documents that are drawn or wait", () => taken);

  async function run(task: DocumentTask): Promise<Uint8Array> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), deadlineMs);
    try {
      threads ??= createThreads(options);
      return (await (await threads).run(task, { signal: late.signal })) as Uint8Array;
    } catch (error) {
      if (late.signal.aborted || isClosed) throw unavailable("drawing a document took too long");
      // What was drawn stays unsaid: a message may quote it.
      log.error({ fault: error instanceof Error ? error.name : "not an error" }, "drawing failed");
      throw platformErrors.failure("internal", { note: "drawing a document failed" });
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async draw(task, signal) {
      if (signal?.aborted === true) throw unavailable("drawing was cancelled");
      if (isClosed || taken >= limits.threadsCount + queueMax) throw overloaded();
      taken++;
      try {
        return await run(task);
      } finally {
        taken--;
      }
    },
    async close() {
      isClosed = true;
      await (await threads)?.destroy();
    },
  };
}

/** What main serves to an HTTP thread: `port.serve("document", handleDocumentRequest(pool))`. */
export function handleDocumentRequest(pool: Pick<DocumentPool, "draw">) {
  return (task: DocumentTask, signal: AbortSignal): Promise<Uint8Array> => pool.draw(task, signal);
}

/** Documents of an HTTP thread: asked of main. */
export function createRemoteDocuments(port: Pick<ThreadPort, "request">): DrawDocument {
  return async (task, signal) =>
    (await port.request("document", task, {
      deadlineMs: limits.answerDeadlineMs,
      ...(signal === undefined ? {} : { signal }),
    })) as Uint8Array;
}

const RETRY = { "retry-after": String(limits.retryAfterSeconds) };

function overloaded(): AppError {
  const note = "too many documents wait";
  return platformErrors.failure("overloaded", { note, headers: RETRY });
}

function unavailable(note: string): AppError {
  return platformErrors.failure("unavailable", { note, headers: RETRY });
}

async function createThreads({ log, worker }: DocumentPoolOptions): Promise<Piscina> {
  // Loaded for the first document, so that main starts without it.
  const { Piscina } = await import("piscina");
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const own = new URL(`../../workers/document.${extension}`, import.meta.url);
  const { href } = worker ?? own;
  const pool = new Piscina({
    filename: href,
    minThreads: 0,
    maxThreads: limits.threadsCount,
    idleTimeout: limits.threadIdleMs,
    recordTiming: false,
    // Under `register()` a thread inherits no loader.
    ...(href.endsWith(".ts") ? { execArgv: ["--import", import.meta.resolve("tsx")] } : {}),
  });
  pool.on("error", (error) => log.error({ fault: error.name }, "a document thread failed"));
  return pool;
}
