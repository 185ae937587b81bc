import { AppError, platformErrors } from "./errors.ts";

/** The two ends have this in common: `parentPort` of a thread, `Worker` of main. */
export interface MessageEnd {
  postMessage(message: unknown): void;
  on(event: "message", listener: (message: any) => void): unknown;
}

export interface RequestOptions {
  /** Aborting cancels what has not begun at the other end. */
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

export type Serve = (payload: any, signal: AbortSignal) => unknown;

/** Questions and events between two threads of this process. */
export interface ThreadPort {
  request(kind: string, payload: unknown, options?: RequestOptions): Promise<unknown>;
  serve(kind: string, handler: Serve): void;
  emit(kind: string, payload?: unknown): void;
  on(kind: string, listener: (payload: any) => void): void;
  /** The other end is gone: what waits is refused, what runs for it is cancelled. */
  abandon(): void;
}

type Wire =
  | { type: "request"; id: number; kind: string; payload: unknown }
  | { type: "cancel"; id: number }
  | { type: "reply"; id: number; value?: unknown; failure?: Failure }
  | { type: "event"; kind: string; payload: unknown };

/** An error's code and status would be lost in the structured clone, so they travel as data. */
interface Failure {
  code: string;
  status: number;
  title: string;
  headers?: Readonly<Record<string, string>>;
  note?: string;
}

interface Waiter {
  settle(reply: { value?: unknown; failure?: Failure }): void;
}

export function createPort(end: MessageEnd): ThreadPort {
  const waiting = new Map<number, Waiter>();
  const running = new Map<number, AbortController>();
  const handlers = new Map<string, Serve>();
  const listeners = new Map<string, (payload: any) => void>();
  let lastId = 0;

  async function answer(id: number, kind: string, payload: unknown): Promise<void> {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const handler = handlers.get(kind);
      if (handler === undefined) throw platformErrors.failure("internal", { note: `no ${kind}` });
      const value = await handler(payload, controller.signal);
      end.postMessage({ type: "reply", id, value } satisfies Wire);
    } catch (error) {
      end.postMessage({ type: "reply", id, failure: toFailure(error) } satisfies Wire);
    } finally {
      running.delete(id);
    }
  }

  end.on("message", (message: Wire) => {
    if (message.type === "request") void answer(message.id, message.kind, message.payload);
    else if (message.type === "cancel") running.get(message.id)?.abort();
    else if (message.type === "reply") waiting.get(message.id)?.settle(message);
    else listeners.get(message.kind)?.(message.payload);
  });

  return {
    request(kind, payload, options = {}) {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const { signal, deadlineMs } = options;
        const giveUp = () => {
          end.postMessage({ type: "cancel", id } satisfies Wire);
          settle({ failure: toFailure(platformErrors.failure("unavailable", { note: kind })) });
        };
        const timer = deadlineMs === undefined ? undefined : setTimeout(giveUp, deadlineMs);
        const settle = (reply: { value?: unknown; failure?: Failure }) => {
          waiting.delete(id);
          clearTimeout(timer);
          signal?.removeEventListener("abort", giveUp);
          if (reply.failure === undefined) resolve(reply.value);
          else reject(fromFailure(reply.failure));
        };
        waiting.set(id, { settle });
        signal?.addEventListener("abort", giveUp, { once: true });
        if (signal?.aborted === true) giveUp();
        else end.postMessage({ type: "request", id, kind, payload } satisfies Wire);
      });
    },
    serve: (kind, handler) => void handlers.set(kind, handler),
    emit: (kind, payload) =>
      end.postMessage({ type: "event", kind, payload: payload ?? null } satisfies Wire),
    on: (kind, listener) => void listeners.set(kind, listener),
    abandon() {
      for (const controller of running.values()) controller.abort();
      const failure = toFailure(platformErrors.failure("unavailable", { note: "thread gone" }));
      for (const waiter of waiting.values()) waiter.settle({ failure });
    },
  };
}

function toFailure(error: unknown): Failure {
  if (error instanceof AppError) {
    const { code, status, title, headers, note } = error;
    return {
      code,
      status,
      title,
      ...(headers === undefined ? {} : { headers }),
      ...(note === undefined ? {} : { note }),
    };
  }
  // The text of an unknown error may hold what its caller passed in, a password for example.
  const note = error instanceof Error ? error.name : "not an error";
  return { code: "internal", ...platformErrors.table.internal, note };
}

function fromFailure(failure: Failure): AppError {
  const { code, status, title, headers, note } = failure;
  return new AppError(
    code,
    { status, title },
    { ...(headers === undefined ? {} : { headers }), ...(note === undefined ? {} : { note }) },
  );
}
