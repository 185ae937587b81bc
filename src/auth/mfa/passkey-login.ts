import { AppError } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import { findAccountById } from "../accounts/store.ts";
import { authErrors } from "../errors.ts";
import type { DeviceInfo } from "../session/device.ts";
import type { Grant } from "../session/enter.ts";
import type { Caller } from "../session/open.ts";
import type { PassGates } from "../session/pass-gates.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { checkAssertion, COUNTER_BACK, refuseFactor } from "./check-factor.ts";
import { countPasskeyUse } from "./store-passkeys.ts";
import type { AuthenticationResponseJSON, RelyingParty } from "./webauthn.ts";

export interface PasskeyLoginOptions {
  readonly database: Database;
  readonly throttle: Throttle;
  readonly passGates: PassGates;
  readonly party: RelyingParty;
}

export interface PasskeyLoginRequest {
  readonly response: AuthenticationResponseJSON;
  readonly rememberMe: boolean;
  readonly device: DeviceInfo | undefined;
  readonly caller: Caller;
}

export type PasskeyLogin = (request: PasskeyLoginRequest) => Promise<Grant>;

/**
 * Login with a passkey in place of everything: the authenticator has made sure who holds it, so
 * it is two factors at once. Throws `credentials_invalid` for whatever is wrong with the answer,
 * `account_disabled`, `rate_limited`, `conflict`, and what a gate says.
 */
export function createPasskeyLogin(options: PasskeyLoginOptions): PasskeyLogin {
  const { database, throttle } = options;
  return async ({ response, rememberMe, device, caller }) => {
    await throttle.take("otpNetwork", caller.address);
    const signed = await checkAssertion(options, {
      purpose: "login",
      accountId: undefined,
      response,
    });
    // A passkey that only says somebody was there is no more than a second factor.
    if (signed?.userVerified !== true) throw authErrors.failure("credentials_invalid");
    const { passkey, signCount } = signed;
    const account = await findAccountById(database, passkey.accountId);
    if (account === undefined) throw authErrors.failure("credentials_invalid");
    const amr = [...signed.amr, "mfa"];
    let isUsed: boolean | undefined;
    const outcome = await options.passGates({
      attempt: { account, caller, device, rememberMe, amr, trustedDeviceToken: undefined },
      within: async (tx) => (isUsed = await countPasskeyUse(tx, passkey.id, signCount)),
      passwordHash: undefined,
    });
    if (isUsed === false) await refuseFactor(options, { account, caller }, COUNTER_BACK);
    if (outcome === undefined) throw authErrors.failure("credentials_invalid");
    await throttle.giveBack("otpNetwork", caller.address);
    if (outcome instanceof AppError) throw outcome;
    return outcome;
  };
}
