import type { Config } from "../../platform/config.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { QueueMail } from "../../platform/mail.ts";
import type { Counter, Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { Invalidate, InvalidationReceipt } from "../index.ts";
import { passwordChangedMail } from "../mail/password-mails.ts";
import { revokeOneTimeTokens } from "../one-time/store.ts";
import type { Caller } from "../session/open.ts";
import { endSessions } from "../session/store-end.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import type { PasswordJudge } from "./judge.ts";
import type { Passwords } from "./password-port.ts";
import { findPasswords, replacePassword } from "./store.ts";

/** How a password came to be changed. */
export type ChangeCause = "change" | "reset" | "expired" | "forced";

export interface NewPasswordOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly judge: Pick<PasswordJudge, "assertAcceptable">;
  readonly policyOf: PolicyOf;
  readonly invalidate: Invalidate;
  readonly queueMail: QueueMail;
  readonly metrics: Metrics;
  readonly config: Pick<Config, "publicUrl">;
}

/** A password that was judged, compared and hashed, ready to take its place. */
export interface PreparedPassword {
  readonly account: Account;
  readonly passwordHash: string;
  /** The one it was compared with: another one by then, and it is not taken. */
  readonly expected: string | undefined;
  readonly historyCount: number;
}

/**
 * Everything slow about a new password, before the transaction. Throws `validation_failed` for one
 * that breaks the policy, or is the present one or one of the last.
 */
export async function prepareNewPassword(
  { database, passwords, judge, policyOf }: NewPasswordOptions,
  account: Account,
  password: string,
  { caller, signal }: { readonly caller: Caller; readonly signal: AbortSignal | undefined },
): Promise<PreparedPassword> {
  const { id, tenantId, email, username, name } = account;
  const path = "/body/new_password";
  const place = { subject: id, ...placeOf(caller) };
  const names = [email, username, name];
  await judge.assertAcceptable({ password, tenantId, names, path, signal, place });
  const { historyCount } = (await policyOf(tenantId)).password;
  const { present, former } = await findPasswords(database, id, historyCount);
  const known = present === undefined ? former : [present, ...former];
  if (known.length > 0 && (await passwords.matches(password, known, signal))) {
    const message = "was used before; take another one";
    throw platformErrors.failure("validation_failed", {
      errors: [{ path, code: "password_reused", message }],
    });
  }
  const passwordHash = await passwords.hash(password, signal);
  return { account, passwordHash, expected: present, historyCount };
}

export interface Settlement {
  readonly cause: ChangeCause;
  /** A session that lives on; undefined: none does. */
  readonly keptSessionId: string | undefined;
  readonly caller: Caller;
}

/** What a new password has ended. */
export interface SettledPassword {
  readonly endedCount: number;
  readonly receipt: InvalidationReceipt;
}

/**
 * Puts a new password in its place, with all that follows from it: sessions end, links that were
 * sent are void, the owner is told. Throws `version_conflict` when the password was changed in
 * between. Its transaction is a `revocation`.
 */
export async function settleNewPassword(
  tx: Transaction,
  { invalidate, queueMail, config, metrics }: NewPasswordOptions,
  { account, ...prepared }: PreparedPassword,
  { cause, keptSessionId, caller }: Settlement,
): Promise<SettledPassword> {
  const { id: accountId, tenantId, email, name, language } = account;
  if (!(await replacePassword(tx, { accountId, ...prepared }))) {
    throw platformErrors.failure("version_conflict", {
      detail: "The password was changed in the meantime",
    });
  }
  const choice = { accountId, except: keptSessionId };
  const ended = await endSessions(tx, choice, "password_change", metrics);
  await revokeOneTimeTokens(tx, "password.reset", accountId);
  await revokeOneTimeTokens(tx, "password.change", accountId);
  const place = placeOf(caller);
  await recordEvent(tx, {
    action: cause === "reset" ? "password.reset" : "password.change",
    actor: accountId,
    subject: accountId,
    tenantId,
    sessionId: keptSessionId,
    reason: `${cause}; ${ended.length} sessions ended`,
    ...place,
  });
  const { device, country } = place;
  const content = passwordChangedMail({ language, name, device, country });
  await queueMail(tx, { name: "password_changed", accountId, to: email, ...content });
  const receipt = invalidate(tx, [
    { kind: "identity", issuer: config.publicUrl, subject: accountId },
  ]);
  return { endedCount: ended.length, receipt };
}

export type ChangeCounters = Readonly<Record<ChangeCause, Counter>>;

export function createChangeCounters(metrics: Metrics): ChangeCounters {
  const counter = (cause: ChangeCause) =>
    metrics.counter("brigade_password_changes_total", "Passwords that were changed", { cause });
  return Object.freeze({
    change: counter("change"),
    reset: counter("reset"),
    expired: counter("expired"),
    forced: counter("forced"),
  });
}
