import { systemClock, type Clock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import { isRejection, platformErrors, type AppError, type Rejection } from "../platform/errors.ts";
import { requestScope, type Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { chargeStranger, createAdmission, type AdmissionOptions } from "./admission.ts";
import { createAnswers } from "./answer.ts";
import { isJsonType, parseJson } from "./body.ts";
import { compileRoutes, type CompiledRoute } from "./compiled-route.ts";
import { createCors } from "./cors.ts";
import { httpErrors } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { createHostRule } from "./host.ts";
import { toFailure } from "./problem.ts";
import type { RawRequest } from "./raw-request.ts";
import { createRecorder } from "./recorder.ts";
import type { Reply } from "./reply.ts";
import type { Match, Place } from "./router.ts";
import type { Method, Route } from "./route.ts";
import { createRequestIds } from "./trace.ts";
import { decodePath, targetFault } from "./url.ts";
import type { Wire } from "./wire.ts";

export interface PipelineOptions extends Partial<AdmissionOptions> {
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
const UNKNOWN_METHOD = httpErrors.rejection("method_not_implemented");
const TOO_LARGE = httpErrors.rejection("payload_too_large");
const WRONG_TYPE = httpErrors.rejection("unsupported_media_type");
const HOST_INVALID = httpErrors.rejection("host_invalid");
const OUT_OF_TIME = platformErrors.rejection("unavailable", { note: "deadline passed" });
const BODY_LATE = httpErrors.rejection("request_timeout");
const METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);
const NO_VALUES: readonly string[] = [];

/**
 * The one way of a request: request id → CORS → rate limit → authenticate → authorise → validate →
 * handler → answer. A warm request to a `direct` route runs through without a promise.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { config, log, metrics, clock = systemClock } = options;
  const router = compileRoutes(options.routes, { bodyBytesMax: config.bodyBytesMax, metrics });
  const cors = createCors(config.corsOrigins);
  const answers = createAnswers({ config, cors, clock });
  const recorder = createRecorder({ config, clock, log, metrics });
  const isServedHost = createHostRule(config.allowedHosts);
  const rateLimit = options.rateLimit;
  const admit = createAdmission({
    authenticate: options.authenticate,
    cached: options.cached,
    rateLimit,
    addressLimit: options.addressLimit,
  });
  const ids = createRequestIds();
  let inFlight = 0;
  metrics.gauge("brigade_http_in_flight", "Requests whose answer is waited for", () => inFlight);

  function answer(exchange: Exchange): Outcome | Promise<Outcome> {
    const { raw } = exchange;
    if (raw.fault !== undefined) return raw.fault;
    const queryFault = raw.query === "" ? undefined : targetFault("/", raw.query);
    if (queryFault !== undefined) return queryFault;
    const fixed = router.fixed(raw.path);
    if (fixed !== undefined) return answerAt(exchange, fixed, NO_VALUES);
    const match = find(exchange);
    if (match === undefined || isRejection(match)) return refuseStranger(exchange, match);
    return answerAt(exchange, match.place, match.values);
  }

  function find(exchange: Exchange): Match<CompiledRoute> | Rejection | undefined {
    const fault = targetFault(exchange.raw.path, "");
    if (fault !== undefined) return fault;
    const decoded = decodePath(exchange.raw.path);
    if (typeof decoded !== "string") return decoded;
    exchange.path = decoded;
    return router.match(decoded);
  }

  function refuseStranger(exchange: Exchange, fault: Rejection | undefined): Rejection {
    if (!isServedHost(exchange.raw.fields.host)) return HOST_INVALID;
    return chargeStranger(exchange, rateLimit) ?? fault ?? NOT_FOUND;
  }

  function answerAt(
    exchange: Exchange,
    place: Place<CompiledRoute>,
    values: readonly string[],
  ): Outcome | Promise<Outcome> {
    const { raw } = exchange;
    if (raw.method === "OPTIONS") return optionsReply(exchange, place);
    const method = raw.method === "HEAD" ? "GET" : raw.method;
    const target = place.targets[method as Method];
    if (target === undefined) {
      const refusal = refuseStranger(exchange, undefined);
      if (refusal !== NOT_FOUND) return refusal;
      if (!METHODS.has(method)) return UNKNOWN_METHOD;
      return httpErrors.rejection("method_not_allowed", { headers: { allow: place.allow } });
    }
    exchange.target = target;
    // A platform's health probe names a host of its own.
    if (target.route.tag !== "health" && !isServedHost(raw.fields.host)) return HOST_INVALID;
    const verdict = admit(exchange, target);
    if (verdict instanceof Promise) {
      // The body must be taken in now: what comes before somebody listens is lost.
      const body = takeBody(exchange, target);
      return verdict.then((refusal) => refusal ?? admitted(exchange, target, values, body));
    }
    return verdict ?? admitted(exchange, target, values, takeBody(exchange, target));
  }

  function optionsReply(exchange: Exchange, place: Place<CompiledRoute>): Outcome {
    if (!isServedHost(exchange.raw.fields.host)) return HOST_INVALID;
    const { origin } = exchange.raw.fields;
    const asks = exchange.header("access-control-request-method") !== undefined;
    const headers =
      origin !== undefined && asks ? cors.preflight(origin, place.allow) : { allow: place.allow };
    return { status: 204, headers };
  }

  function settle(exchange: Exchange, outcome: Promise<Outcome>): Promise<Wire> {
    inFlight += 1;
    return new Promise<Wire>((resolve) => {
      const end = (value: Outcome | undefined, failure: unknown) => {
        if (exchange.settled) return;
        exchange.settled = true;
        inFlight -= 1;
        clearTimeout(timer);
        resolve(value === undefined ? failed(exchange, failure) : finish(exchange, value));
      };
      const timer = setTimeout(() => {
        end(exchange.bodyPending ? BODY_LATE : OUT_OF_TIME, undefined);
        exchange.abort();
      }, exchange.target?.deadlineMs);
      exchange.raw.onAbort = () => {
        if (exchange.settled) return;
        recorder.aborted(exchange);
        exchange.abort();
        exchange.settled = true;
        inFlight -= 1;
        clearTimeout(timer);
        // Whoever waits for the answer is let go; nobody reads these bytes.
        resolve(answers.ofFailure(exchange, OUT_OF_TIME));
      };
      outcome.then(
        (value) => end(value, undefined),
        (error: unknown) => end(undefined, error),
      );
    });
  }

  function finish(exchange: Exchange, outcome: Outcome): Wire {
    if (isRejection(outcome)) return failed(exchange, outcome);
    try {
      const wire = answers.ofReply(exchange, outcome);
      recorder.answered(exchange, outcome.status, undefined);
      return wire;
    } catch (error) {
      return failed(exchange, error);
    }
  }

  function failed(exchange: Exchange, error: unknown): Wire {
    let failure: AppError | Rejection = toFailure(error);
    let wire: Wire;
    try {
      wire = answers.ofFailure(exchange, failure);
    } catch (cause) {
      failure = platformErrors.failure("internal", { cause });
      wire = answers.ofFailure(exchange, failure);
    }
    recorder.answered(exchange, failure.status, failure);
    return wire;
  }

  return Object.freeze({
    run(raw: RawRequest): Wire | Promise<Wire> {
      const startedMs = clock.monotonicMs();
      const exchange = new Exchange(raw, ids.next, startedMs, log, config.trustedProxyHops);
      try {
        const outcome = answer(exchange);
        return outcome instanceof Promise ? settle(exchange, outcome) : finish(exchange, outcome);
      } catch (error) {
        return failed(exchange, error);
      }
    },
    inFlight: () => inFlight,
    bodyBytesMax: config.bodyBytesMax,
  });
}

type PendingBody = Promise<Uint8Array> | undefined;

/** Begins to take in the body of a request that may have one. */
function takeBody(exchange: Exchange, target: CompiledRoute): PendingBody {
  const { contentLength } = exchange.raw;
  if (contentLength === 0 || contentLength > target.bodyBytesMax) return undefined;
  if (target.readBody !== undefined && !isJsonType(exchange.raw.fields.contentType)) {
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
  if (target.readBody !== undefined && !isJsonType(raw.fields.contentType)) return WRONG_TYPE;
  exchange.params = target.readParams(values);
  exchange.query = target.readQuery(raw.query);
  if (pending !== undefined) {
    return pending.then((bytes) => {
      exchange.bodyPending = false;
      exchange.rawBody = bytes;
      if (target.readBody !== undefined) exchange.body = target.readBody(parseJson(bytes));
      return handle(exchange, target);
    });
  }
  if (target.readBody !== undefined) {
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
