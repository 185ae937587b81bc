import { randomBytes } from "node:crypto";
import { platformErrors } from "../../platform/errors.ts";
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
import { provePassword } from "./prove.ts";

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
    // What was proven is what is replaced: a password that came in between stays.
    const expected = await provenHash(options, account, request);
    const fresh = await prepareNewPassword(options, account, request.newPassword, request);
    const prepared = { ...fresh, expected };
    const keptSessionId = endCurrentSession ? undefined : sessionId;
    const settlement = { cause: "change", keptSessionId, caller } as const;
    const refresh = {
      secret: randomBytes(sessionLimits.refreshSecretBytes),
      key: options.keyRing.refreshKey(),
    };
    const { session, settled } = await options.database.withTransaction(
      async (tx) => {
        // The credential before any session, as at a login: the other way round the two could wait
        // for each other.
        const settled = await settleNewPassword(tx, options, prepared, settlement);
        const kept =
          keptSessionId === undefined
            ? undefined
            : await replaceRefreshSecret(tx, { accountId, sessionId: keptSessionId }, refresh);
        return { session: kept, settled };
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

async function provenHash(
  options: ChangeOptions,
  { id, tenantId }: Account,
  { currentPassword, caller, signal }: ChangeRequest,
): Promise<string> {
  const proven = await provePassword(options, id, currentPassword, signal);
  if (proven !== undefined) {
    await options.throttle.refill("passwordAccount", id);
    return proven;
  }
  const event = { actor: id, subject: id, tenantId, ...placeOf(caller) };
  await recordEvent(options.database, { action: "password.change_refused", ...event });
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
