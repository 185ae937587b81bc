import { isRejection, type Rejection } from "../platform/errors.ts";
import { httpLimits } from "../platform/limits.ts";
import { requestScope } from "../platform/log.ts";
import { AMBIGUOUS, presentedToken } from "./bearer.ts";
import type { CompiledRoute } from "./compiled-route.ts";
import { httpErrors } from "./errors.ts";
import type { Exchange, RateStanding } from "./exchange.ts";
import { networkOf } from "./forwarded.ts";
import type { Principal } from "./principal.ts";

/** Who is calling. Given by `app.ts`; this layer knows authentication only by its shape. */
export type AuthenticateCaller = (
  token: string,
  address: string,
) => Principal | Rejection | Promise<Principal | Rejection>;

export interface RateLimit {
  take(key: string, cost?: number): RateStanding;
  give(key: string): void;
}

/** Charges an API key by its own limits. A standing against its rate is left in the exchange. */
export type ChargeKey = (principal: Principal, exchange: Exchange) => Verdict;

export interface AdmissionOptions {
  readonly authenticate?: AuthenticateCaller | undefined;
  /** The principal of a token this process already knows, by memory alone. */
  readonly cached?: ((token: string) => Principal | undefined) | undefined;
  /** Undefined: nobody is limited. */
  readonly rateLimit?: RateLimit | undefined;
  /**
   * Budget of an address for tokens not known yet, and of a sender who proves himself without one;
   * generous, as many may share an address.
   */
  readonly addressLimit?: RateLimit | undefined;
  readonly chargeKey?: ChargeKey | undefined;
}

export type Verdict = Rejection | undefined;
export type Admission = (exchange: Exchange, target: CompiledRoute) => Verdict | Promise<Verdict>;

const NO_TOKEN = httpErrors.rejection("authentication_required");
const TWO_CREDENTIALS = httpErrors.rejection("malformed_request", { note: "two credentials" });
const NOT_ALLOWED = httpErrors.rejection("permission_denied");

/**
 * Rate limit, then authentication, then authorisation.
 *
 * Who is charged: a caller whose token is known is charged as that caller, so that neighbours
 * behind one address cannot use up each other's budget. Everybody else (no token, a token seen for
 * the first time, public routes) is charged by address, before any work is done for them; when
 * such a token turns out good, its caller is charged too. A sender who proves himself by a signature
 * over the body is charged as that sender then, and his address gets back what it paid for him.
 */
export function createAdmission(options: AdmissionOptions): Admission {
  const { authenticate, cached, rateLimit, chargeKey } = options;
  const addressLimit = options.addressLimit ?? rateLimit;

  function admitCaller(exchange: Exchange, target: CompiledRoute, principal: Principal): Verdict {
    exchange.caller = principal;
    if (target.route.unlimited !== true) {
      const refusal =
        principal.kind === "api_key" && chargeKey !== undefined
          ? chargeBoth(exchange, principal, chargeKey)
          : charge(exchange, rateLimit, callerKey(principal));
      if (refusal !== undefined) return refusal;
    }
    if (!target.mayCall(principal)) return NOT_ALLOWED;
    return target.stepUp === undefined ? undefined : target.stepUp(principal);
  }

  /** A key by its own limits, then with its owner's other requests. The nearer end is told. */
  function chargeBoth(exchange: Exchange, principal: Principal, chargeOwn: ChargeKey): Verdict {
    const refusal = chargeOwn(principal, exchange);
    if (refusal !== undefined) return refusal;
    const own = exchange.rate;
    const ofOwner = charge(exchange, rateLimit, callerKey(principal));
    if (ofOwner !== undefined) return ofOwner;
    const shared = exchange.rate;
    if (own !== undefined && (shared === undefined || own.remaining <= shared.remaining)) {
      exchange.rate = own;
    }
    return undefined;
  }

  function admitOutcome(
    exchange: Exchange,
    target: CompiledRoute,
    outcome: Principal | Rejection,
  ): Verdict {
    return isRejection(outcome) ? outcome : admitCaller(exchange, target, outcome);
  }

  function recharge(exchange: Exchange, sender: string): void {
    rateLimit?.give(strangerKey(exchange));
    const refusal = charge(exchange, addressLimit, `sender:${sender}`);
    if (refusal !== undefined) throw httpErrors.failure("rate_limited", optionsOf(refusal));
  }

  return (exchange, target) => {
    const token = target.isPublic ? undefined : presentedToken(exchange.raw.fields);
    if (token === AMBIGUOUS) return TWO_CREDENTIALS;
    const known = token === undefined ? undefined : cached?.(token);
    if (known !== undefined) return admitCaller(exchange, target, known);
    if (target.route.unlimited !== true) {
      const refusal =
        token === undefined
          ? chargeStranger(exchange, rateLimit)
          : charge(exchange, addressLimit, `newcomer:${networkOf(exchange.address)}`);
      if (refusal !== undefined) return refusal;
      if (target.route.bodyRaw === true) exchange.recharge = recharge;
    }
    if (target.isPublic) return undefined;
    if (token === undefined || authenticate === undefined) return NO_TOKEN;
    // A token that must be looked up or verified: what is logged on the way names the request.
    const outcome = requestScope.run(exchange, authenticate, token, exchange.address);
    if (!(outcome instanceof Promise)) return admitOutcome(exchange, target, outcome);
    return outcome.then((value) => admitOutcome(exchange, target, value));
  };
}

/** Charges an address (of IPv6 its /64, which is one subscriber), for a request without a token or one that meets no route. */
export function chargeStranger(exchange: Exchange, limit: RateLimit | undefined): Verdict {
  return charge(exchange, limit, strangerKey(exchange));
}

const strangerKey = ({ address }: Exchange) => `address:${networkOf(address)}`;

const callerKeys = new WeakMap<Principal, string>();

/** Kept with the principal: made anew, the text would be copied and joined for each request. */
function callerKey(principal: Principal): string {
  let key = callerKeys.get(principal);
  if (key === undefined) {
    key = `caller:${principal.userId}`;
    callerKeys.set(principal, key);
  }
  return key;
}

function charge(exchange: Exchange, limit: RateLimit | undefined, key: string): Verdict {
  if (limit === undefined) return undefined;
  const standing = limit.take(key);
  exchange.rate = standing;
  return standing.allowed ? undefined : rateLimited(standing.retryAfterSeconds, key);
}

const optionsOf = ({ note = "", headers = {} }: Rejection) => ({ note, headers });

/** The note says whose budget was empty: `caller`, `newcomer`, `address` or `sender`. */
function rateLimited(retryAfterSeconds: number, key: string): Rejection {
  const seconds = Math.max(httpLimits.retryAfterSeconds, Math.ceil(retryAfterSeconds));
  return httpErrors.rejection("rate_limited", {
    note: `rate limit per ${key.slice(0, key.indexOf(":"))}`,
    headers: { "retry-after": String(seconds) },
  });
}
