import type { Config } from "../../platform/config.ts";
import { linkLimits } from "../../platform/limits.ts";
import type { QueueMail } from "../../platform/mail.ts";
import { enqueueSealed } from "../../platform/outbox-sealed.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Sealer } from "../../platform/sealer.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Invalidate } from "../index.ts";
import { verifyEmailMail } from "../mail/account-mails.ts";
import { linkTo, type LinkSettings } from "../mail/links.ts";
import { consumeOneTimeToken, issueOneTimeToken } from "../one-time/store.ts";
import type { Caller } from "../session/open.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { findAccount, markEmailVerified, type Account } from "./store.ts";

export interface VerificationOptions {
  readonly database: Database;
  readonly throttle: Pick<Throttle, "take" | "tryTake">;
  readonly sealer: Sealer;
  readonly queueMail: QueueMail;
  readonly invalidate: Invalidate;
  readonly config: LinkSettings & Pick<Config, "emailVerification">;
}

/** A mail that was asked for again, on its way to whoever looks for its account. */
export const RESEND_KIND = "account.resend";

/** Writes the mail down that lets an owner prove an address, with a token for it. */
export async function queueVerification(
  tx: Transaction,
  { queueMail, config }: Pick<VerificationOptions, "queueMail" | "config">,
  account: Account,
): Promise<void> {
  const { id: accountId, email, name, language } = account;
  const hours = linkLimits.verifyEmailHours;
  const seconds = hours * 3_600;
  const data = { email };
  const token = await issueOneTimeToken(tx, { purpose: "email.verify", accountId, seconds, data });
  const href = linkTo("verifyEmail", token, config);
  const content = verifyEmailMail({ language, name, href, hours });
  await queueMail(tx, { name: "verify_email", accountId, to: email, ...content });
}

/** Proves the address that a token was sent to. Throws `link_invalid`, `rate_limited`. */
export async function verifyEmail(
  { database, throttle, invalidate, config }: VerificationOptions,
  token: string,
  caller: Caller,
): Promise<void> {
  await throttle.take("verifyTokenNetwork", caller.address);
  await database.withTransaction(
    async (tx) => {
      const used = await consumeOneTimeToken(tx, "email.verify", token);
      // An address that was changed meanwhile is not proven by the mail to the one before.
      const account =
        used && (await markEmailVerified(tx, used.accountId, String(used.data["email"])));
      if (account === undefined) throw authErrors.failure("link_invalid");
      const { id, tenantId } = account;
      const event = { actor: id, subject: id, tenantId, ...placeOf(caller) };
      await recordEvent(tx, { action: "account.verify", ...event });
      invalidate(tx, [{ kind: "identity", issuer: config.publicUrl, subject: id }]);
    },
    { revocation: true },
  );
}

/** What waits in the outbox, sealed, until the account is looked for. */
interface ResendRequest {
  readonly email: string;
  /** False: the address has had its mails for now. */
  readonly maySend: boolean;
}

/**
 * Takes in that somebody wants the mail again. Which account it is, if any, is looked for later and
 * elsewhere: work and answer are the same for every address, also for one that has had its mails for
 * now, which a registration may have been. Throws `rate_limited` for a network.
 */
export async function askForResend(
  { database, throttle, sealer }: VerificationOptions,
  email: string,
  caller: Caller,
): Promise<void> {
  await throttle.take("resendNetwork", caller.address);
  const refused = await throttle.tryTake("resendIdentifier", email);
  const content: ResendRequest = { email, maySend: refused === undefined };
  await enqueueSealed(database, sealer, { kind: RESEND_KIND, payload: {}, content });
}

/** The second half: sends the mail if there is an account that waits for it. */
export async function resend(
  options: Pick<VerificationOptions, "database" | "queueMail" | "config">,
  { email, maySend }: ResendRequest,
): Promise<void> {
  if (!maySend || options.config.emailVerification === "off") return;
  const account = await findAccount(options.database, { email });
  if (account === undefined || account.emailVerified || !account.active) return;
  await options.database.withTransaction((tx) => queueVerification(tx, options, account));
}
