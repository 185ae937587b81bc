import type { Clock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import type { AppError, Rejection } from "../platform/errors.ts";
import { httpLimits } from "../platform/limits.ts";
import { checkedAnswers } from "./checked-answers.ts";
import type { Cors } from "./cors.ts";
import type { Exchange } from "./exchange.ts";
import { defaultHeaders, headerBlock, headerLine } from "./header-block.ts";
import { problemBody, problemHeaders } from "./problem.ts";
import type { Reply } from "./reply.ts";
import { acceptedId, readTraceparent } from "./trace.ts";
import type { Wire } from "./wire.ts";

/** Turns what a handler returned, or why none was asked, into bytes. */
export interface Answers {
  /** Throws a `TypeError` when the reply cannot be serialised or has a bad header. */
  ofReply(exchange: Exchange, reply: Reply): Wire;
  ofFailure(exchange: Exchange, failure: AppError | Rejection): Wire;
}

export function createAnswers(options: {
  readonly config: Pick<Config, "environment" | "publicUrl">;
  readonly cors: Cors;
  readonly clock: Clock;
}): Answers {
  const { cors, clock } = options;
  const defaults = defaultHeaders({
    production: options.config.environment === "production",
    publicUrl: options.config.publicUrl,
    varyOrigin: cors.enabled,
  });
  const plainHead = headerBlock(defaults);
  // The commonest answer: JSON with no field of its own. Written out once.
  const jsonHead = `${plainHead}\r\n${headerLine("content-type", "application/json")}`;

  /** Defaults, replaced by name where the reply says otherwise. */
  function mergedHead(own: Readonly<Record<string, string>>): string {
    const merged: Record<string, string> = { ...defaults };
    for (const [name, value] of Object.entries(own)) {
      const lower = name.toLowerCase();
      const kept = lower === "vary" ? merged["vary"] : undefined;
      merged[lower] = kept === undefined ? value : `${kept}, ${value}`;
    }
    return headerBlock(merged);
  }

  // What is frozen cannot change, so its text is made once: constant header fields, and bodies
  // that a route keeps for a principal.
  const headOf = remembered(mergedHead);
  const jsonHeadOf = remembered((own: Readonly<Record<string, string>>) =>
    mergedHead({ "content-type": "application/json", ...own }),
  );
  const textOf = remembered((body: object) => JSON.stringify(body));

  function wire(exchange: Exchange, status: number, head: string, body: string | Uint8Array): Wire {
    return {
      status,
      requestId: exchange.id,
      head: head + requestLines(exchange, cors),
      body,
      headOnly: exchange.raw.method === "HEAD",
    };
  }

  const answers = Object.freeze<Answers>({
    ofReply(exchange, reply) {
      const { status, headers, body, raw } = reply;
      if (raw !== undefined || body === undefined) {
        const head = headers === undefined ? plainHead : headOf(headers, reply);
        if (reply.once === true) (reply as { raw?: Reply["raw"] }).raw = "";
        return wire(exchange, status, head, raw ?? "");
      }
      const head = headers === undefined ? jsonHead : jsonHeadOf(headers, reply);
      const isObject = typeof body === "object" && body !== null;
      const text = isObject ? textOf(body, reply) : JSON.stringify(body);
      return wire(exchange, status, head, text);
    },
    ofFailure(exchange, failure) {
      const body = problemBody(failure, {
        path: exchange.raw.path.slice(0, httpLimits.urlBytesMax),
        requestId: exchange.id,
        nowMs: clock.nowMs(),
      });
      const headers = problemHeaders(failure, httpLimits.retryAfterSeconds);
      return wire(exchange, failure.status, mergedHead(headers), body);
    },
  });
  return options.config.environment === "test" ? checkedAnswers(answers) : answers;
}

/** `make`, done once for an argument that is frozen or belongs to a frozen reply. */
function remembered<T extends object>(
  make: (value: T) => string,
): (value: T, reply: Reply) => string {
  const made = new WeakMap<T, string>();
  return (value, reply) => {
    const known = made.get(value);
    if (known !== undefined) return known;
    const text = make(value);
    if (Object.isFrozen(value) || Object.isFrozen(reply)) made.set(value, text);
    return text;
  };
}

/** Fields that depend on the request: correlation, trace, origin, rate limit. */
function requestLines(exchange: Exchange, cors: Cors): string {
  const { fields } = exchange.raw;
  let lines = "";
  const correlationId = acceptedId(fields.correlationId);
  if (correlationId !== undefined) lines += `\r\nx-correlation-id: ${correlationId}`;
  if (fields.traceparent !== undefined && readTraceparent(fields.traceparent) !== undefined) {
    lines += `\r\ntraceparent: ${exchange.traceparent}`;
  }
  if (fields.origin !== undefined) {
    const allowed = cors.linesFor(fields.origin);
    if (allowed !== undefined) lines += `\r\n${allowed}`;
  }
  const { rate } = exchange;
  if (rate !== undefined) {
    lines += `\r\nratelimit-limit: ${rate.limit}\r\nratelimit-remaining: ${rate.remaining}\r\nratelimit-reset: ${Math.ceil(rate.resetSeconds)}`;
  }
  return lines;
}
