import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { linkLimits } from "../../platform/limits.ts";
import type { QueueMail } from "../../platform/mail.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import { invitationMail } from "../mail/account-mails.ts";
import type { Language } from "../mail/language.ts";
import { linkTo, type LinkSettings } from "../mail/links.ts";
import {
  consumeOneTimeToken,
  findOneTimeToken,
  issueOneTimeToken,
  revokeOneTimeTokens,
} from "../one-time/store.ts";
import type { Caller } from "../session/open.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { readIdentifiers, toAccountExists, type AccountsOptions } from "./accounts.ts";
import type { By } from "./standing.ts";
import { insertFirstPassword } from "./store-admin.ts";
import { findAccountById, insertAccount, markEmailVerified, type Account } from "./store.ts";

export interface InvitationOptions extends AccountsOptions {
  readonly queueMail: QueueMail;
  readonly throttle: Pick<Throttle, "take">;
  readonly config: AccountsOptions["config"] & LinkSettings;
}

export interface InvitationRequest {
  readonly email: string;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
  readonly language: Language;
  readonly tenantId: string;
}

/**
 * Makes an account without a password: its owner chooses one by the link of a mail, so nobody else
 * ever sets or sees it. Throws `account_exists`, `validation_failed`.
 */
export async function invite(
  options: InvitationOptions,
  request: InvitationRequest,
  by: By,
): Promise<Account> {
  try {
    return await options.database.withTransaction((tx) => inviteWithin(tx, options, request, by));
  } catch (error) {
    throw toAccountExists(error) ?? error;
  }
}

/** The same as a part of another transaction. Throws also the unique violations of accounts. */
export async function inviteWithin(
  tx: Transaction,
  options: InvitationOptions,
  request: InvitationRequest,
  by: By,
): Promise<Account> {
  const { language, tenantId } = request;
  const identifiers = readIdentifiers(request);
  const id = newId(options.clock);
  const fresh = { ...identifiers, id, tenantId, language, passwordHash: undefined };
  const account = await insertAccount(tx, fresh);
  const { publicUrl: issuer } = options.config;
  await options.provisionUser(tx, { userId: id, issuer, subject: id, tenantId });
  await recordEvent(tx, { action: "account.invite", ...by, subject: id, tenantId });
  await queueInvitation(tx, options, account);
  return account;
}

/** Sends another link; the ones before are good for nothing. */
export async function inviteAgain(
  options: InvitationOptions,
  account: Account,
  by: By,
): Promise<void> {
  const { id, tenantId } = account;
  await options.database.withTransaction(async (tx) => {
    await revokeOneTimeTokens(tx, "account.invite", id);
    await recordEvent(tx, { action: "account.invite", ...by, subject: id, tenantId });
    await queueInvitation(tx, options, account);
  });
}

async function queueInvitation(
  tx: Transaction,
  { queueMail, config }: InvitationOptions,
  { id: accountId, email, name, language }: Account,
): Promise<void> {
  const hours = linkLimits.invitationHours;
  const token = await issueOneTimeToken(tx, {
    purpose: "account.invite",
    accountId,
    seconds: hours * 3_600,
    data: { email },
  });
  const href = linkTo("acceptInvitation", token, config);
  const content = invitationMail({ language, name, href, hours });
  await queueMail(tx, { name: "invitation", accountId, to: email, ...content });
}

/**
 * Sets the first password of an invited account, whose address is proven by that. Throws
 * `link_invalid`, `validation_failed` (the link stays good), `rate_limited`.
 */
export async function acceptInvitation(
  options: InvitationOptions,
  request: { readonly token: string; readonly password: string; readonly signal: AbortSignal },
  caller: Caller,
): Promise<void> {
  const { database, throttle, judge, passwords } = options;
  await throttle.take("verifyTokenNetwork", caller.address);
  const found = await findOneTimeToken(database, "account.invite", request.token);
  const invited = found && (await findAccountById(database, found.accountId));
  if (invited === undefined || !invited.active) throw authErrors.failure("link_invalid");
  const { id, tenantId, email, username, name } = invited;
  const { password, signal } = request;
  const place = placeOf(caller);
  await judge.assertAcceptable({
    password,
    tenantId,
    names: [email, username, name],
    signal,
    place,
  });
  const hash = await passwords.hash(password, signal);
  await database.withTransaction(async (tx) => {
    const used = await consumeOneTimeToken(tx, "account.invite", request.token);
    const account = used && (await markEmailVerified(tx, id, String(used.data["email"])));
    if (account === undefined || !(await insertFirstPassword(tx, id, hash))) {
      throw authErrors.failure("link_invalid");
    }
    const event = { actor: id, subject: id, tenantId, ...place };
    await recordEvent(tx, { action: "account.accept", ...event });
  });
}

/** Throws `conflict` for an account whose owner chose a password already. */
export function assertInvited(status: string): void {
  if (status === "invited") return;
  throw platformErrors.failure("conflict", { detail: "The account has its password already" });
}
