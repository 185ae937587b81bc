import type { Counter, Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent, type AuditAction } from "../audit/store.ts";
import type { Invalidate, InvalidationKey, InvalidationReceipt } from "../index.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { Caller } from "./open.ts";
import { endSessions } from "./store.ts";

export interface EndOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly throttle: Throttle;
  readonly metrics: Metrics;
  /** `iss` of our own tokens. */
  readonly ownIssuer: string;
}

export interface EndRequest {
  readonly accountId: string;
  readonly tenantId: string;
  /** Undefined: all sessions of the account. */
  readonly sessionId: string | undefined;
  readonly action: Extract<AuditAction, "logout" | "session.end">;
  readonly caller: Caller;
}

export interface EndedSessions {
  readonly count: number;
  /** Where in the invalidation log it stands; undefined when nothing was alive. */
  readonly receipt: InvalidationReceipt | undefined;
}

/** Ends sessions of the caller's own account. Throws `rate_limited`. */
export type EndOwnSessions = (request: EndRequest) => Promise<EndedSessions>;

export function createEndOwnSessions(options: EndOptions): EndOwnSessions {
  const ended: Counter = options.metrics.counter(
    "brigade_auth_sessions_ended_total",
    "Sessions that their owner ended",
  );
  return async (request) => {
    const { accountId, tenantId, sessionId, action, caller } = request;
    await options.throttle.take("revokeAccount", accountId);
    const outcome = await options.database.withTransaction(
      async (tx): Promise<EndedSessions> => {
        const ids = await endSessions(tx, { accountId, sessionId }, action);
        if (ids.length === 0) return { count: 0, receipt: undefined };
        await recordEvent(tx, {
          action,
          actor: accountId,
          subject: accountId,
          tenantId,
          sessionId,
          reason: sessionId === undefined ? `${ids.length} sessions` : undefined,
          ...placeOf(caller),
        });
        const receipt = options.invalidate(tx, [keyOf(options, accountId, sessionId)]);
        return { count: ids.length, receipt };
      },
      { revocation: true },
    );
    ended.add(outcome.count);
    return outcome;
  };
}

/** One word for all sessions of an account: everything that names it looks again. */
function keyOf(
  { ownIssuer }: EndOptions,
  accountId: string,
  sessionId: string | undefined,
): InvalidationKey {
  return sessionId === undefined
    ? { kind: "identity", issuer: ownIssuer, subject: accountId }
    : { kind: "session", id: sessionId };
}
