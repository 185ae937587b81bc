import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire } from "node:module";
import { isatty } from "node:tty";
import { pino, type Logger as PinoLogger } from "pino";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { logLimits } from "./limits.ts";
import { redact, scrubLine, toLoggedError } from "./redaction.ts";

export type Logger = PinoLogger;

/** Where lines go. Lines are whole and end in a newline. */
export interface LogSink {
  write(line: string): void;
}

interface RequestScope {
  readonly requestId: string;
  readonly traceparent: string;
}

/** Set around a request: what its log lines and its outgoing calls carry. */
export const requestScope = new AsyncLocalStorage<RequestScope>();

const NOTHING = Object.freeze({});
let output: ReturnType<typeof openOutput> | undefined;

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
  return pino(
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
        bindings: (fields) => redact(fields),
        log: (fields) => redact(fields),
      },
    },
    scrubbing(sink ?? sharedOutput(config)),
  );
}

/** Writes out what is buffered, synchronously. Never throws: a full disk must not end us. */
export function flushLog(): void {
  try {
    output?.flushSync();
  } catch {
    // Not ready or not writable: there is nowhere to say so.
  }
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
  return { write: (line) => void lines.write(pretty(line)) };
}

function openOutput() {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    minLength: logLimits.bufferMinBytes,
    maxLength: logLimits.bufferMaxBytes,
  });
  // A full disk or a closed pipe: the lines are lost, the server goes on.
  destination.on("error", () => {});
  const timer = setInterval(() => destination.flush(() => {}), logLimits.flushEveryMs);
  timer.unref();
  return destination;
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
