import type { Config } from "../../platform/config.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { QueueMail } from "../../platform/mail.ts";
import { forgetEntriesOf } from "../../platform/outbox-store.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Place } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { DiscardUser, Invalidate, InvalidationKey } from "../index.ts";
import { accountDeletedMail } from "../mail/account-mails.ts";
import { forcePasswordChange } from "../password/store.ts";
import type { EndReason } from "../session/metrics.ts";
import { endSessions } from "../session/store-end.ts";
import { clearAttempts } from "../throttle/store-attempts.ts";
import {
  deleteAccount,
  disableAccount,
  enableAccount,
  enableDue,
  listImpersonations,
  type Disabling,
} from "./store-admin.ts";
import type { Account } from "./store.ts";

export interface StandingOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly config: Pick<Config, "publicUrl">;
  readonly metrics: Metrics;
}

/** Who changes somebody's standing, for the audit log. */
export interface By extends Partial<Place> {
  /** An account id or `cli`. */
  readonly actor: string;
}

type Whom = Pick<Account, "id"> & Partial<Pick<Account, "tenantId">>;

/**
 * Takes an account out of use: its sessions end, and those in which it acts as somebody else; live
 * tokens count no more from the next request on, in every process. Throws `not_found`.
 */
export async function disable(
  options: StandingOptions,
  { id, tenantId }: Whom,
  disabling: Disabling,
  by: By,
): Promise<void> {
  await options.database.withTransaction(
    async (tx) => {
      if (!(await disableAccount(tx, id, disabling))) throw platformErrors.failure("not_found");
      const { keys } = await endEverything(tx, options, id, "account_disabled");
      await recordEvent(tx, {
        action: disabling.kind === "banned" ? "account.ban" : "account.disable",
        ...by,
        subject: id,
        tenantId,
        reason: disabling.reason,
      });
      options.invalidate(tx, keys);
    },
    { revocation: true },
  );
}

/**
 * Lets an account's password count once more, to choose another one: its sessions end, and the
 * next login answers `password_expired`. Throws `not_found`, also for an account without a password.
 */
export async function demandPasswordChange(
  options: StandingOptions,
  { id, tenantId }: Whom,
  by: By,
): Promise<void> {
  await options.database.withTransaction(
    async (tx) => {
      if (!(await forcePasswordChange(tx, id))) throw platformErrors.failure("not_found");
      const { keys } = await endEverything(tx, options, id, "password_demanded");
      await recordEvent(tx, { action: "account.password_demand", ...by, subject: id, tenantId });
      options.invalidate(tx, keys);
    },
    { revocation: true },
  );
}

/** Throws `not_found`. */
export async function enable(
  { database, invalidate, config }: StandingOptions,
  { id, tenantId }: Whom,
  by: By & { readonly reason?: string | undefined },
): Promise<void> {
  await database.withTransaction(
    async (tx) => {
      if (!(await enableAccount(tx, id))) throw platformErrors.failure("not_found");
      await recordEvent(tx, { action: "account.enable", ...by, subject: id, tenantId });
      invalidate(tx, [{ kind: "identity", issuer: config.publicUrl, subject: id }]);
    },
    { revocation: true },
  );
}

/** Takes accounts up again whose ban is over; returns how many. */
export function enableWhoseBanEnded(database: Pick<Database, "withTransaction">): Promise<number> {
  return database.withTransaction(async (tx) => {
    const enabled = await enableDue(tx);
    for (const { id, tenantId } of enabled) {
      const reason = "the ban is over";
      await recordEvent(tx, { action: "account.enable", subject: id, tenantId, reason });
    }
    return enabled.length;
  });
}

export interface ErasureOptions extends StandingOptions {
  readonly discardUser: DiscardUser;
  readonly queueMail: QueueMail;
}

/**
 * Erases an account: its row, credentials, sessions, tokens, and the mails that wait or are kept.
 * The IAM user is discarded; ids stay in the audit log and where contexts wrote them. The last mail
 * tells its owner and is no more of the account's. Throws `not_found`, `last_administrator`.
 */
export async function erase(
  options: ErasureOptions,
  account: Pick<Account, "id" | "tenantId" | "email" | "name" | "language">,
  by: By & { readonly reason?: string | undefined },
): Promise<void> {
  const { id, tenantId, email: to, name, language } = account;
  await options.database.withTransaction(
    async (tx) => {
      // Before the row goes: what is looked for hangs on it.
      const { keys } = await endEverything(tx, options, id, "account_deleted");
      await options.discardUser(tx, { userId: id, tenantId });
      if (!(await deleteAccount(tx, id))) throw platformErrors.failure("not_found");
      // These name the account without hanging on it: a count must not wait for its row.
      await clearAttempts(tx, id);
      await forgetEntriesOf(tx, id);
      const content = accountDeletedMail({ language, name });
      await options.queueMail(tx, { name: "account_deleted", to, ...content });
      await recordEvent(tx, { action: "account.delete", ...by, subject: id, tenantId });
      options.invalidate(tx, keys);
    },
    { revocation: true },
  );
}

/** What was ended of an account, and what to invalidate for it. */
export interface EndedAll {
  readonly count: number;
  readonly keys: InvalidationKey[];
}

/** Ends an account's sessions and those it opened as somebody else. */
export async function endEverything(
  tx: Transaction,
  { config, metrics }: Pick<StandingOptions, "config" | "metrics">,
  id: string,
  reason: EndReason,
): Promise<EndedAll> {
  let count = (await endSessions(tx, { accountId: id }, reason, metrics)).length;
  const keys: InvalidationKey[] = [{ kind: "identity", issuer: config.publicUrl, subject: id }];
  for (const { sessionId, subjectId } of await listImpersonations(tx, id)) {
    const ended = await endSessions(tx, { accountId: subjectId, sessionId }, reason, metrics);
    count += ended.length;
    keys.push({ kind: "session", id: sessionId });
  }
  return { count, keys };
}
