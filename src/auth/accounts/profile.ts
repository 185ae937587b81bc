import type { Config } from "../../platform/config.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { Invalidate } from "../index.ts";
import type { Caller } from "../session/open.ts";
import { readIdentifiers, toAccountExists } from "./accounts.ts";
import { findAccountById, updateProfile, type Account } from "./store.ts";

export interface ProfileOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly config: Pick<Config, "publicUrl">;
}

/** Undefined leaves a field as it is, null empties it. */
export interface ProfileRequest {
  readonly username?: string | null | undefined;
  readonly name?: string | null | undefined;
  /** Accepted when it is the present one: a changed address has to be proven first. */
  readonly email?: string | undefined;
  readonly version?: number | undefined;
}

/**
 * Changes the caller's own account; counts on its next request, in every process. Throws
 * `not_found`, `version_conflict`, `account_exists`, `validation_failed`.
 */
export async function changeProfile(
  { database, invalidate, config }: ProfileOptions,
  accountId: string,
  request: ProfileRequest,
  caller: Caller,
): Promise<Account> {
  const present = await findAccountById(database, accountId);
  if (present === undefined) throw platformErrors.failure("not_found");
  const wanted = readIdentifiers({
    email: request.email ?? present.email,
    username: request.username ?? undefined,
    name: request.name ?? undefined,
  });
  if (wanted.email !== present.email) throw emailFixed();
  try {
    return await database.withTransaction(
      async (tx) => {
        const account = await updateProfile(tx, accountId, {
          username: request.username === undefined ? present.username : wanted.username,
          name: request.name === undefined ? present.name : wanted.name,
          // Without the caller's version ours: fields it left out keep what was there just now.
          version: request.version ?? present.version,
        });
        if (account === undefined) throw platformErrors.failure("version_conflict");
        await recordEvent(tx, {
          action: "account.update",
          actor: accountId,
          subject: accountId,
          tenantId: account.tenantId,
          ...placeOf(caller),
        });
        invalidate(tx, [{ kind: "identity", issuer: config.publicUrl, subject: accountId }]);
        return account;
      },
      { revocation: true },
    );
  } catch (error) {
    throw toAccountExists(error) ?? error;
  }
}

function emailFixed() {
  const message = "cannot be changed here";
  return platformErrors.failure("validation_failed", {
    errors: [{ path: "/body/email", code: "email_fixed", message }],
  });
}
