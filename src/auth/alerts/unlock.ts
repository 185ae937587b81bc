import type { Database, Transaction } from "../../platform/postgres.ts";
import { findTenantOfAccount } from "../accounts/store-tenant.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { consumeOneTimeToken, revokeOneTimeTokens } from "../one-time/store.ts";
import type { Caller } from "../session/open.ts";
import { clearAttempts } from "../throttle/store-attempts.ts";
import type { Throttle } from "../throttle/throttle.ts";

export interface UnlockOptions {
  readonly database: Database;
  readonly throttle: Throttle;
}

/**
 * Ends the lock of an account with the token of the mail, which is used up. False: no such token.
 * Throws `rate_limited`.
 */
export async function unlockByToken(
  { database, throttle }: UnlockOptions,
  token: string,
  caller: Caller,
): Promise<boolean> {
  await throttle.take("unlockTokenNetwork", caller.address);
  return database.withTransaction(async (tx) => {
    const used = await consumeOneTimeToken(tx, "account.unlock", token);
    if (used === undefined) return false;
    const { accountId } = used;
    const tenantId = await findTenantOfAccount(tx, accountId);
    await unlock(tx, accountId, { actor: accountId, reason: "mail", tenantId }, caller);
    return true;
  });
}

/** Ends all locks of an account; its failures and its other unlock tokens go with them. */
export async function unlock(
  tx: Transaction,
  accountId: string,
  by: { readonly actor: string; readonly reason: string; readonly tenantId: string | undefined },
  caller?: Caller,
): Promise<void> {
  await clearAttempts(tx, accountId);
  await revokeOneTimeTokens(tx, "account.unlock", accountId);
  await recordEvent(tx, {
    action: "account.unlock",
    subject: accountId,
    ...by,
    ...(caller && placeOf(caller)),
  });
}
