import { randomBytes } from "node:crypto";
import { AppError, platformErrors } from "../../platform/errors.ts";
import { sessionLimits } from "../../platform/limits.ts";
import { findAccountById, type Account } from "../accounts/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { InvalidationReceipt } from "../index.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { Caller } from "../session/open.ts";
import { replaceRefreshSecret } from "../session/store-secret.ts";
import { issueTokens, type TokenOptions, type TokenPair } from "../session/tokens.ts";
import type { Throttle } from "../throttle/throttle.ts";
import {
  prepareNewPassword,
  settleNewPassword,
  type ChangeCounters,
  type NewPasswordOptions,
} from "./new-password.ts";
import { findPasswords } from "./store.ts";

export interface ChangeOptions extends NewPasswordOptions, TokenOptions {
  readonly config: NewPasswordOptions["config"] & TokenOptions["config"];
  readonly keyRing: Pick<KeyRing, "refreshKey"> & TokenOptions["keyRing"];
  readonly throttle: Pick<Throttle, "take" | "giveBack" | "refill">;
  readonly changes: ChangeCounters;
}

export interface ChangeRequest {
  readonly accountId: string;
  readonly sessionId: string;
  readonly currentPassword: string;
  readonly newPassword: string;
  readonly endCurrentSession: boolean;
  readonly caller: Caller;
  readonly signal: AbortSignal | undefined;
}

export interface ChangedPassword {
  readonly endedCount: number;
  /** Of the present session, whose older refresh tokens are void. Undefined: it ended too. */
  readonly tokens: TokenPair | undefined;
  readonly receipt: InvalidationReceipt;
}

export type ChangePassword = (request: ChangeRequest) => Promise<ChangedPassword>;

/**
 * Changes the password of somebody who is logged in and knows the present one. All other sessions
 * end; the present one gets a new refresh secret, so that a stolen token of it is worth nothing
 * either. Throws `validation_failed`, `rate_limited`, `version_conflict`, `overloaded`.
 */
export function createChangePassword(options: ChangeOptions): ChangePassword {
  return async (request) => {
    const { accountId, sessionId, caller, endCurrentSession } = request;
    const account = await findAccountById(options.database, accountId);
    if (account === undefined) throw platformErrors.failure("not_found");
    await provePassword(options, account, request);
    const prepared = await prepareNewPassword(options, account, request.newPassword, request);
    const keptSessionId = endCurrentSession ? undefined : sessionId;
    const settlement = { cause: "change", keptSessionId, caller } as const;
    const refresh = {
      secret: randomBytes(sessionLimits.refreshSecretBytes),
      key: options.keyRing.refreshKey(),
    };
    const { session, settled } = await options.database.withTransaction(
      async (tx) => {
        const kept =
          keptSessionId === undefined
            ? undefined
            : await replaceRefreshSecret(tx, { accountId, sessionId: keptSessionId }, refresh);
        return {
          session: kept,
          settled: await settleNewPassword(tx, options, prepared, settlement),
        };
      },
      { revocation: true },
    );
    options.changes.change.add();
    return {
      ...settled,
      tokens: session && (await issueTokens(options, account, session, refresh)),
    };
  };
}

/** A guess like any other: counted before it is looked at. */
async function provePassword(
  { throttle, passwords, database }: ChangeOptions,
  { id, tenantId }: Account,
  { currentPassword, caller, signal }: ChangeRequest,
): Promise<void> {
  await throttle.take("passwordAccount", id);
  const { present } = await findPasswords(database, id, 0);
  let isRight: boolean;
  try {
    isRight = (await passwords.verify(currentPassword, present, signal)).ok;
  } catch (error) {
    const wasNotTried = error instanceof AppError && error.code === "overloaded";
    if (wasNotTried) await throttle.giveBack("passwordAccount", id);
    throw error;
  }
  if (isRight) return throttle.refill("passwordAccount", id);
  const event = { actor: id, subject: id, tenantId, ...placeOf(caller) };
  await recordEvent(database, { action: "password.change_refused", ...event });
  throw platformErrors.failure("validation_failed", {
    errors: [
      {
        path: "/body/current_password",
        code: "password_wrong",
        message: "is not the present password",
      },
    ],
  });
}
