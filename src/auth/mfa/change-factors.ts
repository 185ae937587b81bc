import { platformErrors } from "../../platform/errors.ts";
import type { QueueMail } from "../../platform/mail.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { Invalidate } from "../index.ts";
import { factorChangedMail, type FactorEvent } from "../mail/factor-mails.ts";
import type { Caller } from "../session/open.ts";
import { endSessions } from "../session/store-end.ts";
import { deleteTrustedDevices } from "./store-devices.ts";
import { findRecipient, holdAccount, refreshFactors } from "./store-factors.ts";
import { replaceRecoveryCodes } from "./store-recovery.ts";

export interface ChangeFactorsOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly queueMail: QueueMail;
  readonly metrics: Metrics;
  /** `iss` of our own tokens. */
  readonly ownIssuer: string;
}

export interface FactorChange {
  readonly accountId: string;
  readonly tenantId: string;
  /** Who does it; default the account itself. */
  readonly actor?: string;
  /** The session that goes on. */
  readonly sessionId: string | undefined;
  readonly action: FactorEvent;
  readonly reason?: string;
  readonly caller: Caller;
}

export type ChangeFactors = <T>(
  change: FactorChange,
  body: (tx: Transaction) => Promise<T>,
) => Promise<T>;

/**
 * Changes what an account proves itself with, in one transaction with what follows from it: its
 * other sessions end (ASVS 7.4.3), no device is trusted any more, its owner gets a mail, and every
 * token is looked up anew. Throws `not_found` without an active account; whatever `body` throws changes nothing.
 */
export function createChangeFactors(options: ChangeFactorsOptions): ChangeFactors {
  return (change, body) =>
    options.database.withTransaction(
      async (tx) => {
        if (!(await holdAccount(tx, change.accountId))) throw platformErrors.failure("not_found");
        const outcome = await body(tx);
        await followFactorChange(tx, options, change);
        return outcome;
      },
      { revocation: true },
    );
}

/** The same for a transaction that holds the account already. */
export async function followFactorChange(
  tx: Transaction,
  { invalidate, queueMail, ownIssuer: issuer, metrics }: Omit<ChangeFactorsOptions, "database">,
  { accountId, tenantId, actor = accountId, sessionId, action, reason, caller }: FactorChange,
): Promise<void> {
  const factors = await refreshFactors(tx, accountId);
  if (factors.length === 0) await replaceRecoveryCodes(tx, accountId, []);
  await deleteTrustedDevices(tx, accountId);
  await endSessions(tx, { accountId, except: sessionId }, "factor_change", metrics);
  await recordEvent(tx, {
    action,
    actor,
    subject: accountId,
    tenantId,
    sessionId,
    reason,
    ...placeOf(caller),
  });
  const { email: to, name, language } = await findRecipient(tx, accountId);
  const mail = factorChangedMail({ language, name, event: action });
  await queueMail(tx, { name: "factor_changed", accountId, to, ...mail });
  invalidate(tx, [{ kind: "identity", issuer, subject: accountId }]);
}
