import type { Clock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import type { AppError, Rejection } from "../platform/errors.ts";
import { httpLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { createAccessLine } from "./access-line.ts";
import type { Exchange } from "./exchange.ts";

/** Tells operators what happened: one line for a request, and the counters. */
export interface Recorder {
  answered(exchange: Exchange, status: number, failure: AppError | Rejection | undefined): void;
  /** The client went away before the answer. */
  aborted(exchange: Exchange): void;
}

/** Told of every 401, 403 and 429, by whose reference an operator may ask why. */
export type OnRefused = (exchange: Exchange, refusal: AppError | Rejection) => void;

const REFUSALS: ReadonlySet<number> = new Set([401, 403, 429]);
const SECOND_MS = 1_000;

/**
 * The access log is sampled: above `accessLogPerSecond` lines a second only failures of ours and
 * slow requests are written, and how many were left out is told once a second. Log viewers drop
 * what comes faster, and would choose worse.
 */
export function createRecorder(options: {
  readonly config: Pick<Config, "accessLog" | "accessLogPerSecond">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly onRefused?: OnRefused | undefined;
}): Recorder {
  const { config, clock, log, onRefused } = options;
  const classes = [1, 2, 3, 4, 5].map((digit) =>
    options.metrics.counter("brigade_http_responses_total", "Answers by status class", {
      class: `${digit}xx`,
    }),
  );
  const unrouted = options.metrics.counter(
    "brigade_http_unrouted_total",
    "Requests that met no route",
  );
  const aborts = options.metrics.counter(
    "brigade_http_aborted_total",
    "Requests whose client went away before the answer",
  );
  const writeAccess = createAccessLine(log, clock);
  const sample = createSample(config.accessLogPerSecond, clock, log);

  function writeLine(
    exchange: Exchange,
    status: number,
    code: string | undefined,
    nowMs: number,
  ): void {
    if (!config.accessLog || exchange.target?.route.quiet === true) return;
    const durationMs = nowMs - exchange.startedMs;
    if (!sample(nowMs, status >= 500 || durationMs >= httpLimits.slowMs)) return;
    writeAccess({
      requestId: exchange.id,
      method: exchange.raw.method,
      route: exchange.target?.route.path,
      status,
      durationMs,
      userId: exchange.caller?.userId,
      code,
    });
  }

  return Object.freeze({
    answered(exchange: Exchange, status: number, failure: AppError | Rejection | undefined) {
      const nowMs = clock.monotonicMs();
      classes[Math.trunc(status / 100) - 1]?.add();
      if (exchange.target === undefined) unrouted.add();
      else exchange.target.seconds.observe((nowMs - exchange.startedMs) / SECOND_MS);
      if (failure !== undefined) {
        writeFailure(log, exchange, failure);
        if (REFUSALS.has(status)) onRefused?.(exchange, failure);
      }
      writeLine(exchange, status, failure?.code, nowMs);
    },
    aborted(exchange: Exchange) {
      aborts.add();
      writeLine(exchange, 499, "client_gone", clock.monotonicMs());
    },
  });
}

/** Whether a line may be written now. Counts what is left out and tells it in the next second. */
function createSample(
  perSecond: number,
  clock: Clock,
  log: Logger,
): (nowMs: number, important: boolean) => boolean {
  let windowStartMs = clock.monotonicMs();
  let lines = 0;
  let leftOut = 0;
  return (nowMs, important) => {
    if (nowMs - windowStartMs >= SECOND_MS) {
      if (leftOut > 0) log.info({ left_out: leftOut }, "access log was sampled");
      windowStartMs = nowMs;
      lines = 0;
      leftOut = 0;
    }
    lines += 1;
    if (important || lines <= perSecond) return true;
    leftOut += 1;
    return false;
  };
}

/** Why a request failed, for operators. What the caller sees is only the code. */
function writeFailure(log: Logger, exchange: Exchange, failure: AppError | Rejection): void {
  const fields = {
    request_id: exchange.id,
    route: exchange.target?.label,
    error_code: failure.code,
    note: failure.note,
    error: failure instanceof Error ? (failure.cause ?? failure) : undefined,
  };
  // Thousands a second in a storm, which the metrics count: their stacks would feed it.
  if (failure.code === "overloaded") log.debug(fields, "request refused");
  else if (failure.status === 500) log.error(fields, "request failed");
  else if (failure.status > 500) log.warn(fields, "request refused");
  else log.debug(fields, "request refused");
}
