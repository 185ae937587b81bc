import type { QueueMail } from "../../platform/mail.ts";
import type { Database } from "../../platform/postgres.ts";
import { passwordExpiresMail } from "../mail/password-mails.ts";
import { listStoredPolicies } from "../tenants/store.ts";
import { defaultPolicy, mergePolicy, type PolicySettings } from "../tenants/policy.ts";
import { takeExpiring } from "./store.ts";

export interface ReminderOptions {
  readonly database: Database;
  readonly queueMail: QueueMail;
  readonly config: PolicySettings;
}

/**
 * Tells a batch of owners, each once for each password, that it will come to its end. Mark and mail
 * are one transaction. Returns how many were told.
 */
export async function remindOfExpiry({
  database,
  queueMail,
  config,
}: ReminderOptions): Promise<number> {
  const defaults = defaultPolicy(config);
  let told = 0;
  for (const { tenantId, stored } of await listStoredPolicies(database)) {
    const { expiryDays, reminderDays } = mergePolicy(defaults, stored).password;
    if (expiryDays === 0 || reminderDays === 0) continue;
    told += await database.withTransaction(async (tx) => {
      const expiring = await takeExpiring(tx, tenantId, { expiryDays, reminderDays });
      for (const { accountId, email, name, language, endsAt } of expiring) {
        const until = endsAt.toISOString().slice(0, 10);
        const content = passwordExpiresMail({ language, name, until });
        await queueMail(tx, { name: "password_expires", accountId, to: email, ...content });
      }
      return expiring.length;
    });
  }
  return told;
}
