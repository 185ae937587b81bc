import { findAccountById, type Account } from "../accounts/store.ts";
import type { Alerts } from "../alerts/alerts.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { takeBudgets } from "../throttle/store.ts";
import { sessionLimits } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Invalidate } from "../index.ts";
import { refreshReuseMail } from "../mail/security-mails.ts";
import { createSessionMetrics } from "./metrics.ts";
import type { Caller } from "./open.ts";
import type { ParsedRefreshToken } from "./refresh-token.ts";
import { endForCounter, endSessions } from "./store-end.ts";
import { addRisk } from "./store-risk.ts";
import type { RefreshProof } from "./store-refresh.ts";

export interface MisuseOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly metrics: Metrics;
  readonly alerts: Pick<Alerts, "toOwner">;
}

/** A real refresh token, shown by somebody who should not have it. */
export interface Misuse {
  readonly token: ParsedRefreshToken;
  readonly proof: RefreshProof;
  readonly caller: Caller;
}

/**
 * Ends the session of a token whose counter `rotate` refused; of one that was used twice the owner
 * is told, since either use may have been a thief's. Undefined: it was over already.
 */
export async function endMisused(
  { database, invalidate, metrics, alerts }: MisuseOptions,
  misuse: Misuse,
  country: string | undefined,
): Promise<"reused" | "ahead" | undefined> {
  const { sessionId, counter } = misuse.token;
  const owner = await findAccountById(database, misuse.proof.accountId);
  return database.withTransaction(
    async (tx) => {
      const reason = await endForCounter(tx, sessionId, counter);
      if (reason === undefined) return undefined;
      const isReuse = reason === "reused";
      await record(tx, misuse, isReuse ? "refresh.reuse" : "refresh.ahead", `counter ${counter}`);
      if (isReuse && owner !== undefined) await tellOwner(tx, alerts, owner, { misuse, country });
      invalidate(tx, [{ kind: "session", id: sessionId }]);
      const name = isReuse ? "refresh_reuse" : "refresh_ahead";
      tx.afterCommit(() => createSessionMetrics(metrics).ended(name, 1));
      return reason;
    },
    { revocation: true },
  );
}

function tellOwner(
  tx: Transaction,
  alerts: MisuseOptions["alerts"],
  owner: Account,
  { misuse, country }: { misuse: Misuse; country: string | undefined },
): Promise<void> {
  const { device, network } = placeOf(misuse.caller);
  const { language, name } = owner;
  const place = { device, network, country };
  return alerts.toOwner(tx, "refresh_reuse", owner, (suppressed) =>
    refreshReuseMail({ language, name, place, suppressed }),
  );
}

/** Ends a session that its tenant binds to its network, and that came from another one. */
export async function endForNetwork(
  { database, invalidate, metrics }: MisuseOptions,
  misuse: Misuse,
  change: string,
): Promise<void> {
  const { accountId } = misuse.proof;
  const { sessionId } = misuse.token;
  await database.withTransaction(
    async (tx) => {
      const choice = { accountId, sessionId };
      const ended = await endSessions(tx, choice, "network_changed", metrics);
      if (ended.length === 0) return;
      await record(tx, misuse, "session.end", change);
      invalidate(tx, [{ kind: "session", id: sessionId }]);
    },
    { revocation: true },
  );
}

/** Writes down that another device tried, up to a number: its holder may try all day. */
export async function recordForeignDevice(
  { database }: MisuseOptions,
  misuse: Misuse,
): Promise<void> {
  const key = `foreign_device:${misuse.token.sessionId}`;
  if ((await takeBudgets(database, [{ key, ...sessionLimits.foreignDeviceRecords }])) !== undefined)
    return;
  await record(database, misuse, "refresh.device_mismatch", undefined);
  await addRisk(database, misuse.token.sessionId, ["device_mismatch"]);
}

function record(
  asker: Transaction | Pick<Database, "query">,
  { token, proof, caller }: Misuse,
  action: "refresh.reuse" | "refresh.ahead" | "refresh.device_mismatch" | "session.end",
  reason: string | undefined,
): Promise<void> {
  const { accountId: subject, tenantId } = proof;
  const { sessionId } = token;
  return recordEvent(asker, { action, subject, tenantId, sessionId, reason, ...placeOf(caller) });
}
