import type { Exchange } from "../../http/exchange.ts";
import type { Principal } from "../../http/principal.ts";
import { AppError, type ProvenCaller, type Rejection } from "../../platform/errors.ts";
import { decisionLimits } from "../../platform/limits.ts";
import { describeDevice } from "../session/device.ts";
import { coarseNetworkOf } from "../throttle/network.ts";

/** Why one request was refused. What the caller was told is a constant; this is for operators. */
export interface Decision {
  readonly atMs: number;
  readonly requestId: string;
  /** Undefined: nobody we know called. */
  readonly tenantId: string | undefined;
  readonly status: number;
  readonly code: string;
  readonly reason: string;
  readonly method: string;
  /** Pattern of the route; undefined for a request that met none. */
  readonly route: string | undefined;
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly sessionId: string | undefined;
  readonly network: string | undefined;
  readonly agent: string | undefined;
}

export type Refusal = AppError | Rejection;

/** Who called, when a token proved it: an admitted caller, or who the refused token was of. */
export function callerOfRefusal(exchange: Exchange, refusal: Refusal): ProvenCaller | undefined {
  const { caller } = exchange;
  if (caller !== undefined) {
    const { tenantId, issuer, subject, sessionId } = caller;
    return { tenantId, issuer, subject, sessionId };
  }
  return refusal instanceof AppError ? undefined : refusal.who;
}

/** The full reason, put together from what the request and its refusal know. */
export function decisionOf(exchange: Exchange, refusal: Refusal, atMs: number): Decision {
  const who = callerOfRefusal(exchange, refusal);
  return {
    atMs,
    requestId: exchange.id,
    tenantId: who?.tenantId,
    status: refusal.status,
    code: refusal.code,
    reason: reasonOf(exchange, refusal).slice(0, decisionLimits.reasonCharactersMax),
    method: exchange.method,
    route: exchange.target?.route.path,
    issuer: who?.issuer,
    subject: who?.subject,
    sessionId: who?.sessionId,
    network: coarseNetworkOf(exchange.address),
    agent: describeDevice(undefined, exchange.userAgent),
  };
}

function reasonOf(exchange: Exchange, { note, code, title }: Refusal): string {
  if (note !== undefined) return note;
  const { caller, target } = exchange;
  if (code === "permission_denied" && caller !== undefined && target !== undefined) {
    return missingOf(caller, target.route.access);
  }
  if (code === "authentication_required") return "no bearer token";
  return title;
}

type Access = NonNullable<Exchange["target"]>["route"]["access"];

function missingOf(caller: Principal, access: Access): string {
  if (access.kind !== "permission") return `not for a caller of kind ${caller.kind}`;
  const { context, permission } = access;
  const isHeld = caller.permissions[context]?.includes(permission) ?? false;
  return isHeld
    ? `not for a caller of kind ${caller.kind}`
    : `permission ${permission} of context ${context} is missing`;
}
