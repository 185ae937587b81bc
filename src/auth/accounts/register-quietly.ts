import type { QueueMail } from "../../platform/mail.ts";
import { isUniqueViolation, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Place } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { accountExistsMail, verifyEmailMail } from "../mail/account-mails.ts";
import { linkTo, type LinkSettings } from "../mail/links.ts";
import { resetPasswordMail } from "../mail/password-mails.ts";
import { issueOneTimeToken } from "../one-time/store.ts";
import { linkLimits, passwordLinkLimits } from "../../platform/limits.ts";
import {
  prepareAccount,
  toAccountExists,
  type AccountRequest,
  type AccountsOptions,
} from "./accounts.ts";
import type { Language } from "../mail/language.ts";
import { findAccount, insertAccount, type Account, type NewAccount } from "./store.ts";

export interface QuietOptions extends AccountsOptions {
  readonly queueMail: QueueMail;
  readonly config: AccountsOptions["config"] & LinkSettings;
}

export interface QuietRequest extends AccountRequest {
  readonly language: Language;
  readonly place: Place;
  readonly signal: AbortSignal | undefined;
  /** False: this address has had its mails for now. */
  readonly maySend: boolean;
}

/**
 * Makes an account, or tells the owner of the address by mail that there is one. Both ways take the
 * same hashing and the same statements: for a taken address the account is made under a stand-in
 * and undone. True when there is a new account. Throws `account_exists` for a taken user name only,
 * and `validation_failed`.
 */
export async function registerQuietly(
  options: QuietOptions,
  request: QuietRequest,
): Promise<boolean> {
  const prepared = await prepareAccount(options, request, request);
  for (let isLast = false; ; isLast = true) {
    try {
      const owner = await findAccount(options.database, { email: prepared.email });
      await options.database.withTransaction((tx) =>
        register(tx, options, request, prepared, owner),
      );
      return owner === undefined;
    } catch (error) {
      // Somebody else took the address between the look and the insert.
      if (isUniqueViolation(error, "accounts_email_key") && !isLast) continue;
      throw toAccountExists(error) ?? error;
    }
  }
}

async function register(
  tx: Transaction,
  options: QuietOptions,
  { place, maySend }: QuietRequest,
  prepared: NewAccount,
  owner: Account | undefined,
): Promise<void> {
  const { id, tenantId } = prepared;
  await tx.query(sql`SAVEPOINT made`);
  const email = owner === undefined ? prepared.email : `${id}@taken.invalid`;
  const made = await insertAccount(tx, { ...prepared, email });
  const { publicUrl: issuer } = options.config;
  await options.provisionUser(tx, { userId: id, issuer, subject: id, tenantId });
  await tx.query(
    owner === undefined ? sql`RELEASE SAVEPOINT made` : sql`ROLLBACK TO SAVEPOINT made`,
  );
  const account = owner ?? made;
  const refusal = { action: "account.register_refused", subject: account.id } as const;
  const registration = { action: "account.register", actor: id, subject: id } as const;
  await recordEvent(tx, {
    ...(owner === undefined ? registration : refusal),
    tenantId: account.tenantId,
    ...place,
  });
  if (maySend) await queueOutcome(tx, options, account, owner !== undefined);
}

/**
 * A new account gets the mail that proves its address, one that has proven it a notice. One in
 * between was made by whoever registered first, who may not be the owner of the address: its mail
 * lets the owner choose the password, so that nobody else's becomes good by a click.
 */
async function queueOutcome(
  tx: Transaction,
  { queueMail, config }: QuietOptions,
  account: Account,
  isTaken: boolean,
): Promise<void> {
  const { id: accountId, email: to, name, language, emailVerified } = account;
  const isReset = isTaken && !emailVerified;
  const hours = linkLimits.verifyEmailHours;
  const minutes = passwordLinkLimits.resetMinutes;
  // For a notice it is made all the same, and nobody ever sees it.
  const token = await issueOneTimeToken(tx, {
    purpose: isReset ? "password.reset" : "email.verify",
    accountId,
    seconds: isReset ? minutes * 60 : hours * 3_600,
    data: { email: to },
  });
  if (isReset) {
    const content = resetPasswordMail({
      language,
      name,
      href: linkTo("resetPassword", token, config),
      minutes,
    });
    return queueMail(tx, { name: "reset_password", accountId, to, ...content });
  }
  if (isTaken) {
    const home = config.mailLinkBase ?? config.publicUrl;
    const content = accountExistsMail({ language, name, href: home });
    return queueMail(tx, { name: "account_exists", accountId, to, ...content });
  }
  const href = linkTo("verifyEmail", token, config);
  const content = verifyEmailMail({ language, name, href, hours });
  return queueMail(tx, { name: "verify_email", accountId, to, ...content });
}
