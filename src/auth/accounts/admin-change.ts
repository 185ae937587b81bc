import { platformErrors } from "../../platform/errors.ts";
import type { QueueMail } from "../../platform/mail.ts";
import type { Database } from "../../platform/postgres.ts";
import { recordEvent } from "../audit/store.ts";
import type { Invalidate } from "../index.ts";
import { emailChangedMail } from "../mail/account-mails.ts";
import { revokeOneTimeTokens } from "../one-time/store.ts";
import { readIdentifiers, toAccountExists } from "./accounts.ts";
import type { By } from "./standing.ts";
import { replaceEmail } from "./store-admin.ts";
import { updateProfile, type Account } from "./store.ts";

export interface AdminChangeOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly queueMail: QueueMail;
  readonly config: { readonly publicUrl: string };
}

/** Undefined leaves a field as it is, null empties it. */
export interface AdminChange {
  readonly username?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly email?: string | undefined;
  readonly version?: number | undefined;
}

/**
 * Changes somebody else's account. A new address is not proven by an administrator's word, links to
 * the old one are good for nothing, and the old one is told. Throws `version_conflict`,
 * `account_exists`, `validation_failed`.
 */
export async function changeByAdministrator(
  { database, invalidate, queueMail, config }: AdminChangeOptions,
  present: Account,
  change: AdminChange,
  by: By,
): Promise<void> {
  const { id, tenantId, language } = present;
  const wanted = readIdentifiers({
    email: change.email ?? present.email,
    username: change.username ?? undefined,
    name: change.name ?? undefined,
  });
  try {
    await database.withTransaction(
      async (tx) => {
        const changed = await updateProfile(tx, id, {
          username: change.username === undefined ? present.username : wanted.username,
          name: change.name === undefined ? present.name : wanted.name,
          version: change.version ?? present.version,
        });
        if (changed === undefined) throw platformErrors.failure("version_conflict");
        await recordEvent(tx, { action: "account.update", ...by, subject: id, tenantId });
        if (wanted.email !== present.email) {
          const { email: from } = present;
          const to = wanted.email;
          if ((await replaceEmail(tx, id, { from, to, isVerified: false })) === undefined) {
            throw platformErrors.failure("version_conflict");
          }
          for (const purpose of LINKS) await revokeOneTimeTokens(tx, purpose, id);
          await recordEvent(tx, { action: "account.email_change", ...by, subject: id, tenantId });
          const notice = emailChangedMail({ language, name: changed.name, isDone: true });
          await queueMail(tx, { name: "email_notice", accountId: id, to: from, ...notice });
        }
        invalidate(tx, [{ kind: "identity", issuer: config.publicUrl, subject: id }]);
      },
      { revocation: true },
    );
  } catch (error) {
    throw toAccountExists(error) ?? error;
  }
}

/** What was sent to an address and must not outlive it. */
export const LINKS = [
  "email.verify",
  "email.change",
  "password.reset",
  "account.unlock",
  "account.invite",
] as const;
