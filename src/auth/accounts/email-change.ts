import { platformErrors } from "../../platform/errors.ts";
import { linkLimits } from "../../platform/limits.ts";
import type { QueueMail } from "../../platform/mail.ts";
import { isUniqueViolation, type Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Invalidate } from "../index.ts";
import { accountExistsMail, changeEmailMail, emailChangedMail } from "../mail/account-mails.ts";
import { linkTo, type LinkSettings } from "../mail/links.ts";
import { consumeOneTimeToken, issueOneTimeToken, revokeOneTimeTokens } from "../one-time/store.ts";
import type { Caller } from "../session/open.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { readIdentifiers, toAccountExists } from "./accounts.ts";
import { LINKS } from "./admin-change.ts";
import { replaceEmail } from "./store-admin.ts";
import { findAccount, findAccountById, type Account } from "./store.ts";

export interface EmailChangeOptions {
  readonly database: Database;
  readonly throttle: Pick<Throttle, "take">;
  readonly queueMail: QueueMail;
  readonly invalidate: Invalidate;
  readonly config: LinkSettings;
}

/**
 * Asks for another address: a mail to the new one proves it, the old one is told. Nothing changes
 * yet, and whether the address has an account is told to its owner alone. Throws `not_found`,
 * `validation_failed`, `rate_limited`.
 */
export async function askForEmailChange(
  options: EmailChangeOptions,
  accountId: string,
  email: string,
  caller: Caller,
): Promise<void> {
  const { email: to } = readIdentifiers({ email });
  await options.throttle.take([
    ["resendNetwork", caller.address],
    ["resendIdentifier", accountId],
    ["resendIdentifier", to],
  ]);
  const account = await findAccountById(options.database, accountId);
  if (account === undefined) throw platformErrors.failure("not_found");
  const owner = await findAccount(options.database, { email: to });
  await options.database.withTransaction(async (tx) => {
    const { tenantId, language, name } = account;
    const hours = linkLimits.changeEmailHours;
    await revokeOneTimeTokens(tx, "email.change", accountId);
    const token = await issueOneTimeToken(tx, {
      purpose: "email.change",
      accountId,
      seconds: hours * 3_600,
      data: { from: account.email, to },
    });
    const href = linkTo("changeEmail", token, options.config);
    const content =
      owner === undefined
        ? changeEmailMail({ language, name, href, hours })
        : takenMail(options.config, owner);
    await options.queueMail(tx, { name: "change_email", accountId, to, ...content });
    const notice = emailChangedMail({ language, name, isDone: false });
    await options.queueMail(tx, { name: "email_notice", accountId, to: account.email, ...notice });
    await recordEvent(tx, {
      action: "account.email_ask",
      actor: accountId,
      subject: accountId,
      tenantId,
      ...placeOf(caller),
    });
  });
}

function takenMail(config: LinkSettings, { language, name }: Account) {
  return accountExistsMail({ language, name, href: config.mailLinkBase ?? config.publicUrl });
}

/**
 * Takes the address over that the token was sent to. Links to the former one are good for nothing
 * from now on, and it is told. Throws `link_invalid`, `account_exists` when somebody took the
 * address meanwhile, `rate_limited`.
 */
export async function confirmEmailChange(
  { database, throttle, queueMail, invalidate, config }: EmailChangeOptions,
  token: string,
  caller: Caller,
): Promise<void> {
  await throttle.take("verifyTokenNetwork", caller.address);
  try {
    await database.withTransaction(
      async (tx) => {
        const used = await consumeOneTimeToken(tx, "email.change", token);
        if (used === undefined) throw authErrors.failure("link_invalid");
        const { accountId } = used;
        const [from, to] = [String(used.data["from"]), String(used.data["to"])];
        const account = await replaceEmail(tx, accountId, { from, to, isVerified: true });
        if (account === undefined) throw authErrors.failure("link_invalid");
        for (const purpose of LINKS) {
          await revokeOneTimeTokens(tx, purpose, accountId);
        }
        const { tenantId, language, name } = account;
        const notice = emailChangedMail({ language, name, isDone: true });
        await queueMail(tx, { name: "email_notice", accountId, to: from, ...notice });
        const event = { actor: accountId, subject: accountId, tenantId, ...placeOf(caller) };
        await recordEvent(tx, { action: "account.email_change", ...event });
        invalidate(tx, [{ kind: "identity", issuer: config.publicUrl, subject: accountId }]);
      },
      { revocation: true },
    );
  } catch (error) {
    throw (isUniqueViolation(error) ? toAccountExists(error) : undefined) ?? error;
  }
}
