import type { AppError } from "../../platform/errors.ts";
import { passwordLinkLimits as limits } from "../../platform/limits.ts";
import type { Transaction } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import type { Place } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import { issueOneTimeToken } from "../one-time/store.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import { findLapse } from "./store.ts";

/**
 * Undefined: the password may open a session. Else the refusal, with a token that is good for
 * setting another password, once, and for nothing else.
 */
export type FindPasswordLapse = (
  tx: Transaction,
  account: Account,
  place: Place,
) => Promise<AppError | undefined>;

/**
 * Asked when everything else was proven, a second factor too: whoever has the password alone
 * cannot take the account over by changing it.
 */
export function createFindPasswordLapse(policyOf: PolicyOf): FindPasswordLapse {
  return async (tx, { id: accountId, tenantId }, place) => {
    const { expiryDays } = (await policyOf(tenantId)).password;
    const lapse = await findLapse(tx, accountId, expiryDays);
    if (lapse === undefined) return undefined;
    const seconds = limits.changeTokenSeconds;
    const data = { cause: lapse };
    const token = await issueOneTimeToken(tx, {
      purpose: "password.change",
      accountId,
      seconds,
      data,
    });
    await recordEvent(tx, {
      action: "login.failure",
      actor: accountId,
      subject: accountId,
      tenantId,
      reason: `password ${lapse}`,
      ...place,
    });
    return authErrors.failure("password_expired", {
      members: { change_token: token, expires_in: seconds },
    });
  };
}
