import type { Config } from "../../platform/config.ts";
import { budgetSizes, loginLimits as limits } from "../../platform/limits.ts";
import type { QueueMail } from "../../platform/mail.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { findAccountById } from "../accounts/store.ts";
import { recordEvent } from "../audit/store.ts";
import { linkTo, type LinkSettings } from "../mail/links.ts";
import { accountLockedMail } from "../mail/security-mails.ts";
import { issueOneTimeToken } from "../one-time/store.ts";
import { takeUntoldLocks } from "../throttle/store-attempts.ts";
import { takeBudgets } from "../throttle/store.ts";
import type { Alerts } from "./alerts.ts";

export interface LockNoticesOptions {
  readonly database: Database;
  readonly queueMail: QueueMail;
  readonly alerts: Alerts;
  readonly config: LinkSettings & Pick<Config, "publicUrl">;
}

/**
 * Tells the owners of locked accounts, with a link that ends the lock; returns how many locks were
 * dealt with. Not done in the request that began the lock: with it, that request of an account that
 * exists would take longer than that of one that does not.
 */
export function createLockNotices(options: LockNoticesOptions): () => Promise<number> {
  return () =>
    options.database.withTransaction(async (tx) => {
      const locks = await takeUntoldLocks(tx);
      for (const lock of locks) await tell(tx, options, lock);
      return locks.length;
    });
}

async function tell(
  tx: Transaction,
  { database, queueMail, alerts, config }: LockNoticesOptions,
  lock: { readonly accountId: string; readonly isDevice: boolean; readonly failures: number },
): Promise<void> {
  const account = await findAccountById(database, lock.accountId);
  if (account === undefined) return;
  const { id, tenantId, email, name, language } = account;
  const reason = lock.isDevice ? "known device" : "wrong passwords";
  await recordEvent(tx, { action: "account.lock", subject: id, tenantId, reason });
  const { failures } = lock;
  await alerts.toOperators(tx, { kind: "account_locked", subject: id, details: { failures } });
  const budget = { key: `unlockMailAccount:${id}`, ...budgetSizes.unlockMailAccount };
  if ((await takeBudgets(tx, [budget])) !== undefined) return;
  const token = await issueOneTimeToken(tx, {
    purpose: "account.unlock",
    accountId: id,
    seconds: limits.unlockTokenSeconds,
  });
  const content = accountLockedMail({
    language,
    name,
    href: linkTo("unlockAccount", token, config),
    hours: limits.unlockTokenSeconds / 3_600,
  });
  await queueMail(tx, { ...content, name: "account_locked", accountId: id, to: email });
}
