import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire } from "node:module";
import { isatty } from "node:tty";
import { pino, type ChildLoggerOptions, type Logger as PinoLogger } from "pino";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { logLimits } from "./limits.ts";
import { createLogOutput, type LogOutput } from "./log-output.ts";
import type { Transaction } from "./postgres-transaction.ts";
import { redact, scrubLine, toLoggedError } from "./redaction.ts";

export type Logger = PinoLogger;

type Fields = Record<string, unknown>;

/** Where lines go. Lines are whole and end in a newline. */
export interface LogSink {
  write(line: string): void;
}

interface RequestScope {
  readonly requestId: string;
  readonly traceparent: string;
  /** The last statement of every transaction that the request makes; rejecting undoes it. */
  beforeCommit?: ((tx: Transaction) => Promise<void>) | undefined;
}

/** Set around a request: what its log lines and its outgoing calls carry. */
export const requestScope = new AsyncLocalStorage<RequestScope>();

const NOTHING = Object.freeze({});
let output: LogOutput | undefined;

/**
 * A logger that writes JSON lines to file descriptor 1: `timestamp` (ISO), `level`, `message`,
 * `name`, and `request_id` inside a request. A worker's `process.stdout` would be a message to
 * main, so every thread writes for itself.
 */
export function createLogger(
  config: Pick<Config, "environment" | "logLevel">,
  bindings: Readonly<Record<string, unknown>> = {},
  sink?: LogSink,
): Logger {
  const { name = "brigade", ...rest } = bindings;
  const log = pino(
    {
      level: config.logLevel,
      messageKey: "message",
      errorKey: "error",
      base: redact({ name, ...rest }),
      timestamp: isoTimestamp,
      mixin: () => {
        const scope = requestScope.getStore();
        return scope === undefined ? NOTHING : { request_id: scope.requestId };
      },
      // What the caller names itself wins over the scope.
      mixinMergeStrategy: (fields, scope) => ({ ...scope, ...fields }),
      serializers: { error: toLoggedError, err: toLoggedError },
      formatters: {
        level: (level) => ({ level }),
        log: (fields) => redact(fields),
      },
    },
    scrubbing(sink ?? sharedOutput(config)),
  );
  // pino asks no formatter about the bindings of a child; its children inherit this method.
  const makeChild: (this: Logger, fields: Fields, options?: ChildLoggerOptions) => Logger =
    log.child;
  log.child = function child(this: Logger, fields: Fields, options?: ChildLoggerOptions) {
    return makeChild.call(this, redact(fields), options);
  } as unknown as Logger["child"];
  return log;
}

/** Writes out what is buffered, synchronously. Never throws. */
export function flushLog(): void {
  output?.flushSync();
}

/** Lines of this thread that nobody took: a full disk, a closed pipe, a reader too slow. */
export function droppedLogLines(): number {
  return output?.droppedCount() ?? 0;
}

function scrubbing(sink: LogSink) {
  return { write: (line: string) => sink.write(scrubLine(line)) };
}

function sharedOutput(config: Pick<Config, "environment">): LogSink {
  output ??= openOutput();
  if (config.environment !== "development" || !isatty(1)) return output;
  // Loaded only on a terminal: nobody else pays for it.
  const { prettyFactory } = createRequire(import.meta.url)("pino-pretty");
  const pretty = prettyFactory({
    messageKey: "message",
    timestampKey: "timestamp",
    colorize: true,
  });
  const lines = output;
  return { write: (line) => lines.write(pretty(line) as string) };
}

function openOutput(): LogOutput {
  const opened = createLogOutput(1);
  // A few lines must not wait for many.
  setInterval(opened.flush, logLimits.flushEveryMs).unref();
  return opened;
}

let lastMs = 0;
let lastText = "";

function isoTimestamp(): string {
  const nowMs = systemClock.nowMs();
  if (nowMs !== lastMs) {
    lastMs = nowMs;
    lastText = `,"timestamp":"${new Date(nowMs).toISOString()}"`;
  }
  return lastText;
}
