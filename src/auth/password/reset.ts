import { passwordLinkLimits as limits } from "../../platform/limits.ts";
import { enqueueSealed } from "../../platform/outbox-sealed.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Sealer } from "../../platform/sealer.ts";
import { findAccount, findAccountById, markEmailVerified } from "../accounts/store.ts";
import { placeOf, type Place } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import { linkTo, type LinkSettings } from "../mail/links.ts";
import { resetPasswordMail } from "../mail/password-mails.ts";
import {
  consumeOneTimeToken,
  findOneTimeToken,
  issueOneTimeToken,
  revokeOneTimeTokens,
  type OneTimePurpose,
} from "../one-time/store.ts";
import type { Caller } from "../session/open.ts";
import { clearAttempts } from "../throttle/store-attempts.ts";
import type { Throttle } from "../throttle/throttle.ts";
import {
  prepareNewPassword,
  settleNewPassword,
  type ChangeCause,
  type ChangeCounters,
  type NewPasswordOptions,
  type SettledPassword,
} from "./new-password.ts";

/** A reset that was asked for, on its way to whoever looks for its account. */
export const RESET_KIND = "password.reset";

/** What the request leaves behind, sealed. */
export interface ResetRequest {
  readonly email: string;
  /** False: the address has had its mails for now. */
  readonly maySend: boolean;
  readonly place: Place;
}

export interface AskResetOptions {
  readonly database: Pick<Database, "query">;
  readonly throttle: Pick<Throttle, "take" | "tryTake">;
  readonly sealer: Sealer;
}

/**
 * Takes in that somebody wants a new password by mail. Whose it is, if anybody's, is looked for
 * later and elsewhere: answer and work are the same for every address, also for one that has had its
 * mails for now. Throws `rate_limited` for a network.
 */
export async function askForReset(
  { database, throttle, sealer }: AskResetOptions,
  email: string,
  caller: Caller,
): Promise<void> {
  await throttle.take("resetNetwork", caller.address);
  const maySend = (await throttle.tryTake("resetIdentifier", email)) === undefined;
  const content: ResetRequest = { email, maySend, place: placeOf(caller) };
  await enqueueSealed(database, sealer, { kind: RESET_KIND, payload: {}, content });
}

/** The second half: sends the link if there is an account. Links sent before are void. */
export async function sendReset(
  {
    database,
    queueMail,
    config,
  }: Pick<NewPasswordOptions, "database" | "queueMail"> & { readonly config: LinkSettings },
  { email, maySend, place }: ResetRequest,
): Promise<void> {
  if (!maySend) return;
  const account = await findAccount(database, { email });
  if (account === undefined || !account.active) return;
  const { id: accountId, tenantId, name, language } = account;
  const minutes = limits.resetMinutes;
  await database.withTransaction(async (tx) => {
    await revokeOneTimeTokens(tx, "password.reset", accountId);
    const seconds = minutes * 60;
    const token = await issueOneTimeToken(tx, {
      purpose: "password.reset",
      accountId,
      seconds,
      data: { email: account.email },
    });
    await recordEvent(tx, {
      action: "password.reset_request",
      subject: accountId,
      tenantId,
      ...place,
    });
    const href = linkTo("resetPassword", token, config);
    const content = resetPasswordMail({ language, name, href, minutes });
    await queueMail(tx, { name: "reset_password", accountId, to: account.email, ...content });
  });
}

export interface ConfirmOptions extends NewPasswordOptions {
  readonly throttle: Pick<Throttle, "take" | "giveBack">;
  readonly changes: ChangeCounters;
}

export interface ConfirmRequest {
  readonly token: string;
  readonly newPassword: string;
  readonly caller: Caller;
  readonly signal: AbortSignal | undefined;
}

/**
 * Sets a password with a token, from a mail or from a login whose password had come to its end.
 * All sessions end and none is opened: a second factor is asked for at the login that follows. A
 * password that breaks the policy leaves the token as it was. Throws `link_invalid`,
 * `validation_failed`, `version_conflict`, `rate_limited`, `overloaded`.
 */
export async function confirmReset(
  options: ConfirmOptions,
  { token, newPassword, caller, signal }: ConfirmRequest,
): Promise<SettledPassword> {
  const { database, throttle, changes } = options;
  await throttle.take("resetTokenNetwork", caller.address);
  const found = await findEither(database, token);
  const account = found && (await findAccountById(database, found.accountId));
  if (found === undefined || account?.active !== true) throw authErrors.failure("link_invalid");
  const { purpose, cause } = found;
  const prepared = await prepareNewPassword(options, account, newPassword, { caller, signal });
  const settled = await database.withTransaction(
    async (tx) => {
      // Of any number of parallel callers one gets it.
      const used = await consumeOneTimeToken(tx, purpose, token);
      if (used === undefined) throw authErrors.failure("link_invalid");
      if (purpose === "password.reset") {
        // Whoever reads the mails of the account is its owner: the address is proven, and a lock
        // has nobody left to keep out.
        await markEmailVerified(tx, account.id, String(used.data["email"]));
        await clearAttempts(tx, account.id);
      }
      return settleNewPassword(tx, options, prepared, { cause, keptSessionId: undefined, caller });
    },
    { revocation: true },
  );
  changes[cause].add();
  // Nothing was guessed.
  await throttle.giveBack("resetTokenNetwork", caller.address);
  return settled;
}

interface FoundToken {
  readonly purpose: OneTimePurpose;
  readonly accountId: string;
  readonly cause: ChangeCause;
}

async function findEither(
  database: Pick<Database, "query">,
  token: string,
): Promise<FoundToken | undefined> {
  const reset = await findOneTimeToken(database, "password.reset", token);
  if (reset !== undefined) {
    return { purpose: "password.reset", accountId: reset.accountId, cause: "reset" };
  }
  const change = await findOneTimeToken(database, "password.change", token);
  if (change === undefined) return undefined;
  const cause = change.data["cause"] === "forced" ? "forced" : "expired";
  return { purpose: "password.change", accountId: change.accountId, cause };
}
