import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent, type AuditAction } from "../audit/store.ts";
import type { Invalidate, InvalidationKey, InvalidationReceipt } from "../index.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { EndReason } from "./metrics.ts";
import type { Caller } from "./open.ts";
import { endSessions, type SessionChoice } from "./store-end.ts";

export interface EndOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly throttle: Pick<Throttle, "take">;
  readonly metrics: Metrics;
  /** `iss` of our own tokens. */
  readonly ownIssuer: string;
}

export interface EndRequest {
  readonly choice: SessionChoice;
  readonly tenantId: string;
  /** Who ends them: `userId` of the caller. */
  readonly actor: string;
  readonly action: Extract<AuditAction, "logout" | "session.end">;
  readonly reason: Extract<EndReason, "logout" | "session.end" | "admin">;
  /** Undefined: an operator at the command line. */
  readonly caller?: Caller | undefined;
  /** Why, in somebody's words, for the audit log. */
  readonly detail?: string | undefined;
}

export interface EndedSessions {
  readonly count: number;
  /** Where in the invalidation log it stands; undefined when nothing was alive. */
  readonly receipt: InvalidationReceipt | undefined;
}

/** Ends sessions for good. Throws `rate_limited`: each time every process is woken. */
export type EndSessions = (request: EndRequest) => Promise<EndedSessions>;

/** Ends the rows, writes it down, and takes away what is cached of them, in one transaction. */
export function createEndSessions(options: EndOptions): EndSessions {
  return async (request) => {
    const { choice, tenantId, actor, action, reason, caller, detail } = request;
    await options.throttle.take("revokeAccount", actor);
    return options.database.withTransaction(
      async (tx): Promise<EndedSessions> => {
        const ended = await endSessions(tx, choice, reason, options.metrics);
        if (ended.length === 0) return { count: 0, receipt: undefined };
        await recordEvent(tx, {
          action,
          actor,
          subject: ended[0]!.accountId,
          tenantId,
          sessionId: choice.sessionId,
          reason: reasonOf(choice, ended.length, detail),
          ...(caller && placeOf(caller)),
        });
        return { count: ended.length, receipt: options.invalidate(tx, [keyOf(options, choice)]) };
      },
      { revocation: true },
    );
  };
}

function reasonOf(choice: SessionChoice, count: number, detail: string | undefined) {
  const number = choice.sessionId === undefined ? `${count} sessions` : undefined;
  return number !== undefined && detail !== undefined ? `${number}: ${detail}` : (number ?? detail);
}

/** One word for all sessions of an account: everything that names it looks again. */
function keyOf({ ownIssuer }: EndOptions, choice: SessionChoice): InvalidationKey {
  const { accountId, sessionId } = choice;
  if (sessionId !== undefined) return { kind: "session", id: sessionId };
  return { kind: "identity", issuer: ownIssuer, subject: accountId! };
}
