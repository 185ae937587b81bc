import CircuitBreaker from "opossum";
import { systemClock, type Clock } from "./clock.ts";
import { AppError, platformErrors } from "./errors.ts";
import { outgoingLimits } from "./limits.ts";
import { requestScope } from "./log.ts";

export type BreakerState = "CLOSED" | "OPEN" | "HALF_OPEN";

/**
 * A circuit breaker around calls to one outside service. CLOSED: calls pass, consecutive failures
 * are counted. At the threshold → OPEN: calls are refused at once. After the recovery time →
 * HALF_OPEN: one call is let through; its success → CLOSED, its failure → OPEN.
 */
export interface Breaker {
  readonly name: string;
  readonly state: BreakerState;
  /** Runs `call`, or throws `unavailable` (503, `Retry-After`) without running it. */
  run<T>(call: () => Promise<T>): Promise<T>;
  stats(): BreakerStats;
  close(): void;
}

export interface BreakerStats {
  readonly state: BreakerState;
  readonly successes: number;
  readonly failures: number;
  readonly refusals: number;
}

export interface BreakerOptions {
  /** Consecutive failures that open it. */
  readonly failureThreshold?: number;
  readonly recoveryMs?: number;
  /** A call that takes longer is a failure; 0: the call has a time-out of its own. */
  readonly timeoutMs?: number;
  readonly onStateChange?: (state: BreakerState) => void;
  readonly clock?: Pick<Clock, "monotonicMs">;
}

/** What a breaker goes by that was not told otherwise: `BREAKER_FAILURES`, `BREAKER_RESET_SECONDS`. */
let defaults = {
  failureThreshold: outgoingLimits.breakerFailureThresholdCount as number,
  recoveryMs: outgoingLimits.breakerRecoveryMs as number,
};

/** To be called at the start of a thread, before anything outside is called. */
export function setBreakerDefaults(config: {
  readonly breakerFailures: number;
  readonly breakerResetSeconds: number;
}): void {
  defaults = {
    failureThreshold: config.breakerFailures,
    recoveryMs: config.breakerResetSeconds * 1000,
  };
}

/** The breakers that are in use in this thread. */
const inUse = new Set<Breaker>();

export function breakersInUse(): Iterable<Breaker> {
  return inUse;
}

export function createBreaker(name: string, options: BreakerOptions = {}): Breaker {
  const threshold = options.failureThreshold ?? defaults.failureThreshold;
  const recoveryMs = options.recoveryMs ?? defaults.recoveryMs;
  const clock = options.clock ?? systemClock;
  const circuit = new CircuitBreaker((call: () => Promise<unknown>) => call(), {
    name,
    timeout: (options.timeoutMs ?? outgoingLimits.timeoutMs) || false,
    resetTimeout: recoveryMs,
    // opossum opens by the share of failures in a window of time; we count them in a row.
    errorThresholdPercentage: 100,
  });
  const totals = { successes: 0, failures: 0, refusals: 0 };
  let failuresInARow = 0;
  let openedMs = -Infinity;

  const stateOf = (): BreakerState => {
    if (circuit.opened) return "OPEN";
    return circuit.halfOpen ? "HALF_OPEN" : "CLOSED";
  };
  circuit.on("success", () => {
    totals.successes++;
    failuresInARow = 0;
  });
  circuit.on("failure", () => {
    totals.failures++;
    if (++failuresInARow >= threshold) circuit.open();
  });
  circuit.on("reject", () => void totals.refusals++);
  circuit.on("open", () => (openedMs = clock.monotonicMs()));
  for (const event of ["open", "halfOpen", "close"] as const) {
    circuit.on(event as "open", () => options.onStateChange?.(stateOf()));
  }

  const breaker: Breaker = {
    name,
    get state() {
      return stateOf();
    },
    async run<T>(call: () => Promise<T>) {
      try {
        return (await circuit.fire(call as () => Promise<unknown>)) as T;
      } catch (error) {
        if (!isOwnRefusal(error)) throw error;
        throw refusal(name, error, openedMs + recoveryMs - clock.monotonicMs());
      }
    },
    stats: () => ({ state: stateOf(), ...totals }),
    close() {
      inUse.delete(breaker);
      circuit.shutdown();
    },
  };
  inUse.add(breaker);
  return breaker;
}

function isOwnRefusal(error: unknown): boolean {
  return CircuitBreaker.isOurError(error as Error);
}

/** Whoever comes after `leftMs` is let through, or one who came before him is. */
function refusal(name: string, cause: unknown, leftMs: number): AppError {
  return platformErrors.failure("unavailable", {
    cause,
    note: `circuit ${name}`,
    headers: { "retry-after": String(Math.max(1, Math.ceil(leftMs / 1000))) },
  });
}

export interface OutgoingRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly bytesMax?: number;
  /** In place of the trace context of the request that is being served. */
  readonly traceparent?: string;
  /** Nothing of the request that is being served goes along. */
  readonly isAnonymous?: boolean;
  /**
   * The caller keeps a rhythm of his own, failures included: the breaker of the origin neither
   * counts this call nor refuses it.
   */
  readonly isPaced?: boolean;
  /** Answers that count for the breaker like none at all; they are returned all the same. */
  readonly isFailure?: (status: number) => boolean;
  readonly signal?: AbortSignal;
}

export interface OutgoingReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

const breakers = new Map<string, Breaker>();

/**
 * The only outgoing HTTP. Follows no redirect, ends after `timeoutMs` whatever arrives, reads at
 * most `bytesMax`, carries `x-request-id` and `traceparent` of the request being served. Each
 * origin has a circuit breaker, for callers that do not pace themselves. Throws `unavailable` for everything but an answer; any status
 * below 300 or from 400 on is an answer.
 */
export async function fetchLimited(
  url: string,
  request: OutgoingRequest = {},
): Promise<OutgoingReply> {
  // Only the host: a path or a query may hold what must not be logged.
  const { origin, host } = URL.canParse(url) ? new URL(url) : { origin: "", host: "unreadable" };
  try {
    if (request.isPaced === true) return await fetchOnce(url, request);
    const outcome = await breakerOf(origin).run(() => fetchCounted(url, request));
    if ("abandoned" in outcome) throw outcome.abandoned;
    return outcome;
  } catch (error) {
    if (error instanceof FailedReply) return error.reply;
    if (error instanceof AppError) throw error;
    throw platformErrors.failure("unavailable", { cause: error, note: `call to ${host}` });
  }
}

/** An answer that is a failure to the breaker. */
class FailedReply extends Error {
  readonly reply: OutgoingReply;
  constructor(reply: OutgoingReply) {
    super(`answered ${reply.status}`);
    this.reply = reply;
  }
}

/** What it throws, the breaker counts. */
async function fetchCounted(url: string, request: OutgoingRequest) {
  let reply: OutgoingReply;
  try {
    reply = await fetchOnce(url, request);
  } catch (error) {
    // Who goes away himself says nothing about the other side.
    if (request.signal?.aborted === true) return { abandoned: error };
    throw error;
  }
  if (request.isFailure?.(reply.status) === true) throw new FailedReply(reply);
  return reply;
}

async function fetchOnce(url: string, request: OutgoingRequest): Promise<OutgoingReply> {
  const timeout = AbortSignal.timeout(request.timeoutMs ?? outgoingLimits.timeoutMs);
  const signal =
    request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
  const response = await fetch(url, {
    method: request.method ?? "GET",
    headers: {
      ...(request.isAnonymous === true ? {} : scopeHeaders(request.traceparent)),
      ...request.headers,
    },
    ...(request.body === undefined ? {} : { body: request.body }),
    redirect: "manual",
    signal,
  });
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    throw new Error(`redirected (${response.status})`);
  }
  const body = await readBody(response, request.bytesMax ?? outgoingLimits.bodyBytesMax);
  return { status: response.status, headers: response.headers, body };
}

function breakerOf(origin: string): Breaker {
  let breaker = breakers.get(origin);
  if (breaker === undefined) {
    breaker = createBreaker(origin, { timeoutMs: 0 });
    const [oldest] = breakers;
    if (oldest !== undefined && breakers.size >= outgoingLimits.breakersMaxCount) {
      breakers.delete(oldest[0]);
      oldest[1].close();
    }
    breakers.set(origin, breaker);
  }
  return breaker;
}

function scopeHeaders(traceparent: string | undefined): Record<string, string> {
  const scope = requestScope.getStore();
  const trace = traceparent ?? scope?.traceparent;
  return {
    ...(scope === undefined ? {} : { "x-request-id": scope.requestId }),
    ...(trace === undefined ? {} : { traceparent: trace }),
  };
}

/** Counts what arrives, unpacked: a `content-length` may lie and a small body may unpack to a big one. */
async function readBody(response: Response, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of response.body ?? []) {
    byteCount += (chunk as Uint8Array).byteLength;
    if (byteCount > bytesMax) throw new Error(`the answer has more than ${bytesMax} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}
