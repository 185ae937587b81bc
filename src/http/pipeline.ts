import { systemClock, type Clock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import { isRejection, platformErrors, type AppError, type Rejection } from "../platform/errors.ts";
import { requestScope, type Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import {
  chargeStranger,
  createAdmission,
  type Admission,
  type AdmissionOptions,
  type RateLimit,
} from "./admission.ts";
import { createAnswers, type Answers } from "./answer.ts";
import { compileRoutes, type CompiledRoute } from "./compiled-route.ts";
import { createCors, type Cors } from "./cors.ts";
import { httpErrors } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { createHostRule } from "./host.ts";
import { toFailure } from "./problem.ts";
import type { RawRequest } from "./raw-request.ts";
import { createRecorder, type OnRefused, type Recorder } from "./recorder.ts";
import type { Reply } from "./reply.ts";
import type { Place, Router } from "./router.ts";
import type { Method, Route } from "./route.ts";
import { createRequestIds } from "./trace.ts";
import { decodePath, targetFault } from "./url.ts";
import type { Wire } from "./wire.ts";

export interface PipelineOptions extends AdmissionOptions {
  readonly routes: readonly Route[];
  readonly config: Pick<
    Config,
    | "environment"
    | "publicUrl"
    | "corsOrigins"
    | "trustedProxyHops"
    | "allowedHosts"
    | "bodyBytesMax"
    | "accessLog"
    | "accessLogPerSecond"
  >;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  /** Told of every 401, 403 and 429. Must not throw, wait or write. */
  readonly onRefused?: OnRefused | undefined;
}

export interface Pipeline {
  /** One request to its answer. Never rejects and never throws. */
  run(raw: RawRequest): Wire | Promise<Wire>;
  /** Requests whose answer is being waited for. */
  inFlight(): number;
  readonly bodyBytesMax: number;
}

type Outcome = Reply | Rejection;

const NOT_FOUND = platformErrors.rejection("not_found");
const TOO_LARGE = httpErrors.rejection("payload_too_large");
const WRONG_TYPE = httpErrors.rejection("unsupported_media_type");
const HOST_INVALID = httpErrors.rejection("host_invalid");
const OUT_OF_TIME = platformErrors.rejection("unavailable", { note: "deadline passed" });
const CLIENT_GONE = platformErrors.rejection("unavailable", { note: "client gone" });
const BODY_LATE = httpErrors.rejection("request_timeout");
const NO_VALUES: readonly string[] = [];

/**
 * The one way of a request: request id → CORS → rate limit → authenticate → authorise → validate →
 * handler → answer. A warm request to a `direct` route runs through without a promise.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  return new RequestPipeline(options);
}

class RequestPipeline implements Pipeline {
  readonly bodyBytesMax: number;
  readonly #router: Router<CompiledRoute>;
  readonly #cors: Cors;
  readonly #answers: Answers;
  readonly #recorder: Recorder;
  readonly #admit: Admission;
  readonly #isServedHost: (host: string) => boolean;
  readonly #rateLimit: RateLimit | undefined;
  readonly #ids = createRequestIds();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #hops: number;
  #inFlight = 0;

  constructor(options: PipelineOptions) {
    const { config, log, metrics, clock = systemClock } = options;
    this.bodyBytesMax = config.bodyBytesMax;
    const { bodyBytesMax } = config;
    this.#router = compileRoutes(options.routes, { bodyBytesMax, metrics, clock });
    this.#cors = createCors(config.corsOrigins);
    this.#answers = createAnswers({ config, cors: this.#cors, clock });
    this.#recorder = createRecorder({ ...options, clock });
    this.#isServedHost = createHostRule(config.allowedHosts);
    this.#rateLimit = options.rateLimit;
    this.#admit = createAdmission(options);
    this.#clock = clock;
    this.#log = log;
    this.#hops = config.trustedProxyHops;
    metrics.gauge(
      "brigade_http_in_flight",
      "Requests whose answer is waited for",
      () => this.#inFlight,
    );
  }

  inFlight(): number {
    return this.#inFlight;
  }

  run(raw: RawRequest): Wire | Promise<Wire> {
    const startedMs = this.#clock.monotonicMs();
    const exchange = new Exchange(raw, this.#ids, startedMs, this.#log, this.#hops);
    try {
      const outcome = this.#answer(exchange);
      return outcome instanceof Promise
        ? this.#settle(exchange, outcome)
        : this.#finish(exchange, outcome);
    } catch (error) {
      return this.#failed(exchange, error);
    }
  }

  #answer(exchange: Exchange): Outcome | Promise<Outcome> {
    const { raw } = exchange;
    if (raw.fault !== undefined) return raw.fault;
    const queryFault = raw.query === "" ? undefined : targetFault("/", raw.query);
    if (queryFault !== undefined) return queryFault;
    const fixed = this.#router.fixed(raw.path);
    if (fixed !== undefined) return this.#answerAt(exchange, fixed, NO_VALUES);
    const fault = targetFault(raw.path, raw.query);
    if (fault !== undefined) return fault;
    const decoded = decodePath(raw.path);
    if (typeof decoded !== "string") return decoded;
    exchange.path = decoded;
    const match = this.#router.match(decoded);
    if (match !== undefined) return this.#answerAt(exchange, match.place, match.values);
    return this.#refuseStranger(exchange, NOT_FOUND);
  }

  /** A request that meets no route: it pays for the attempt before it is told. */
  #refuseStranger(exchange: Exchange, refusal: Rejection): Rejection {
    if (!this.#isServedHost(exchange.raw.fields.host)) return HOST_INVALID;
    return chargeStranger(exchange, this.#rateLimit) ?? refusal;
  }

  #answerAt(
    exchange: Exchange,
    place: Place<CompiledRoute>,
    values: readonly string[],
  ): Outcome | Promise<Outcome> {
    const { raw } = exchange;
    if (raw.method === "OPTIONS") return this.#optionsReply(exchange, place);
    const target = place.targets[(raw.method === "HEAD" ? "GET" : raw.method) as Method];
    if (target === undefined) {
      const headers = { allow: place.allow };
      return this.#refuseStranger(
        exchange,
        httpErrors.rejection("method_not_allowed", { headers }),
      );
    }
    exchange.target = target;
    // A platform's health probe names a host of its own.
    if (target.route.tag !== "health" && !this.#isServedHost(raw.fields.host)) return HOST_INVALID;
    const verdict = this.#admit(exchange, target);
    if (verdict instanceof Promise) {
      // The body must be taken in now: what comes before somebody listens is lost.
      const body = takeBody(exchange, target);
      return verdict.then((refusal) => refusal ?? admitted(exchange, target, values, body));
    }
    return verdict ?? admitted(exchange, target, values, takeBody(exchange, target));
  }

  #optionsReply(exchange: Exchange, place: Place<CompiledRoute>): Outcome {
    if (!this.#isServedHost(exchange.raw.fields.host)) return HOST_INVALID;
    const { origin } = exchange.raw.fields;
    const asks = exchange.header("access-control-request-method") !== undefined;
    const headers =
      origin !== undefined && asks
        ? this.#cors.preflight(origin, place.allow)
        : { allow: place.allow };
    return { status: 204, headers };
  }

  /** Waits for an answer, for the deadline, or for the client to go, whichever is first. */
  #settle(exchange: Exchange, outcome: Promise<Outcome>): Promise<Wire> {
    this.#inFlight += 1;
    // Bought while the client is surely there: an audit line may want it after it left.
    exchange.keepAddress();
    return new Promise<Wire>((resolve) => {
      // True for the first one only: what comes later is dropped.
      const isFirst = (): boolean => {
        if (exchange.settled) return false;
        exchange.settled = true;
        this.#inFlight -= 1;
        clearTimeout(timer);
        return true;
      };
      const timer = setTimeout(() => {
        if (!isFirst()) return;
        resolve(this.#failed(exchange, exchange.bodyPending ? BODY_LATE : OUT_OF_TIME));
        exchange.abort();
      }, exchange.target?.deadlineMs);
      exchange.raw.onAbort = () => {
        if (!isFirst()) return;
        this.#recorder.aborted(exchange);
        exchange.abort();
        // Whoever waits is let go; nobody reads these bytes.
        resolve(this.#answers.ofFailure(exchange, CLIENT_GONE));
      };
      outcome.then(
        (value) => isFirst() && resolve(this.#finish(exchange, value)),
        (error: unknown) => isFirst() && resolve(this.#failed(exchange, error)),
      );
    });
  }

  #finish(exchange: Exchange, outcome: Outcome): Wire {
    if (isRejection(outcome)) return this.#failed(exchange, outcome);
    try {
      const wire = this.#answers.ofReply(exchange, outcome);
      this.#recorder.answered(exchange, outcome.status, undefined);
      return wire;
    } catch (error) {
      return this.#failed(exchange, error);
    }
  }

  #failed(exchange: Exchange, error: unknown): Wire {
    let failure: AppError | Rejection = toFailure(error);
    let wire: Wire;
    try {
      wire = this.#answers.ofFailure(exchange, failure);
    } catch (cause) {
      // A failure that cannot be told: a bad header of its own.
      failure = platformErrors.failure("internal", { cause });
      wire = this.#answers.ofFailure(exchange, failure);
    }
    this.#recorder.answered(exchange, failure.status, failure);
    return wire;
  }
}

type PendingBody = Promise<Uint8Array> | undefined;

/** Begins to take in the body of a request that may have one. */
function takeBody(exchange: Exchange, target: CompiledRoute): PendingBody {
  const { contentLength } = exchange.raw;
  if (contentLength === 0 || contentLength > target.bodyBytesMax) return undefined;
  if (target.readBody !== undefined && !target.isBodyType(exchange.raw.fields.contentType)) {
    return undefined;
  }
  exchange.bodyPending = true;
  const body = exchange.raw.receiveBody();
  // A refusal may overtake the body: then nobody asks how it ended.
  body.catch(() => {});
  return body;
}

/** The caller may call. Reads and checks what was sent, then asks the handler. */
function admitted(
  exchange: Exchange,
  target: CompiledRoute,
  values: readonly string[],
  pending: PendingBody,
): Outcome | Promise<Outcome> {
  const { raw } = exchange;
  if (raw.contentLength > target.bodyBytesMax) return TOO_LARGE;
  const mayBeBare = raw.contentLength === 0 && target.route.bodyOptional === true;
  if (target.readBody !== undefined && !mayBeBare && !target.isBodyType(raw.fields.contentType)) {
    return WRONG_TYPE;
  }
  exchange.params = target.readParams(values);
  exchange.query = target.readQuery(raw.query);
  if (pending !== undefined) {
    return pending.then((bytes) => {
      exchange.bodyPending = false;
      exchange.rawBody = bytes;
      if (target.readBody !== undefined) exchange.body = target.readBody(bytes);
      return handle(exchange, target);
    });
  }
  if (target.readBody !== undefined && !mayBeBare) {
    throw httpErrors.failure("malformed_request", { detail: "The request has no body" });
  }
  return handle(exchange, target);
}

function handle(exchange: Exchange, target: CompiledRoute): Reply | Promise<Reply> {
  // The scope lets log lines and outgoing calls name the request. Entering it costs more than a
  // handler that answers from its arguments.
  if (target.route.direct === true) return target.route.handler(exchange);
  return requestScope.run(exchange, target.route.handler, exchange);
}
