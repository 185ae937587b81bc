import { AppError } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import { findPasswordHash } from "../accounts/store.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { Passwords } from "./password-port.ts";

export interface ProveOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly throttle: Pick<Throttle, "take" | "giveBack">;
}

/**
 * The hash that the password of somebody who is logged in proved right against; undefined: it is
 * not the account's. A guess like any other, so a
 * place in the queue first, then a unit of the account's budget, then the comparison. Whoever has
 * no use for the unit any more refills the budget. Throws `overloaded`, `rate_limited`.
 */
export async function provePassword(
  { database, passwords, throttle }: ProveOptions,
  accountId: string,
  password: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const place = passwords.takePlace?.();
  try {
    await throttle.take("passwordAccount", accountId);
    const hash = await findPasswordHash(database, accountId);
    return (await passwords.verify(password, hash, signal)).ok ? hash : undefined;
  } catch (error) {
    // It was not looked at, so nothing was learnt.
    const wasNotTried = error instanceof AppError && error.code === "overloaded";
    if (wasNotTried) await throttle.giveBack("passwordAccount", accountId);
    throw error;
  } finally {
    place?.release();
  }
}
