import { AppError } from "../../platform/errors.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import { toIdentifier } from "../accounts/identifiers.ts";
import { findCredential, holdCredential, type Credential } from "../accounts/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Passwords, Place } from "../password/password-port.ts";
import type { LoginAttempt, LoginAttempts } from "../throttle/login-attempts.ts";
import { deviceDigestOf, type DeviceInfo } from "./device.ts";
import type { Grant } from "./enter.ts";
import type { Caller } from "./open.ts";
import type { PassGates } from "./pass-gates.ts";

export interface LoginOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly attempts: LoginAttempts;
  readonly passGates: PassGates;
  readonly metrics: Metrics;
}

export interface LoginRequest {
  /** An e-mail address or a user name. */
  readonly identifier: string;
  readonly password: string;
  readonly rememberMe: boolean;
  readonly device: DeviceInfo | undefined;
  /** The secret of a device that was remembered after a second factor. */
  readonly trustedDeviceToken: string | undefined;
  readonly caller: Caller;
  readonly signal: AbortSignal | undefined;
}

export type Login = (request: LoginRequest) => Promise<Grant>;

/**
 * Password login: budget, credential, comparison, gates, session, tokens. Up to a right password
 * an account that exists and one that does not take the same statements, the same hashing, and get
 * the same answer. Throws `credentials_invalid`, `mfa_required`, `password_expired`,
 * `account_disabled`, `account_locked`, `rate_limited`, `overloaded`, `conflict`.
 */
export function createLogin(options: LoginOptions): Login {
  const outcomes = createOutcomes(options.metrics);
  const attemptLogin = async (request: LoginRequest, place: Place | undefined) => {
    const identifier = toIdentifier(request.identifier);
    let credential = await findCredential(options.database, identifier);
    const attempt = await options.attempts.begin({
      identifier,
      account: credential?.account,
      address: request.caller.address,
      device: deviceDigestOf(request.device),
    });
    if (attempt === undefined) {
      outcomes.locked.add();
      // The same bytes as for a wrong password: whether there is anything to lock stays unsaid.
      throw authErrors.failure("credentials_invalid", { note: "no attempt left" });
    }
    for (let isLast = false; ; isLast = true) {
      const verdict = await checkPassword(options, attempt, credential, request);
      place?.release();
      if (credential === undefined || !verdict.ok) {
        outcomes.failure.add();
        await attempt.failed();
        await recordFailure(options, credential, request, "password");
        throw authErrors.failure("credentials_invalid");
      }
      if (attempt.isLocked) {
        await attempt.refused();
        await recordFailure(options, credential, request, "locked");
        throw authErrors.failure("account_locked", { detail: LOCKED });
      }
      const entry = admit(options, credential, verdict.rehash, request);
      const grant = await settled(attempt, entry);
      // Another login or a change replaced the hash between the look and the session.
      if (grant === undefined && !isLast) {
        credential = await findCredential(options.database, identifier);
        continue;
      }
      if (grant === undefined) {
        await attempt.refused();
        throw authErrors.failure("credentials_invalid", { note: "changed" });
      }
      await attempt.succeeded();
      if (grant instanceof AppError) {
        outcomes.challenge.add();
        throw grant;
      }
      outcomes.success.add();
      return grant;
    }
  };
  return async (request) => {
    // Before the budget: a refusal for want of room must not cost an attempt or a statement.
    const place = options.passwords.takePlace?.();
    try {
      return await attemptLogin(request, place);
    } finally {
      place?.release();
    }
  };
}

async function checkPassword(
  { passwords }: LoginOptions,
  attempt: LoginAttempt,
  credential: Credential | undefined,
  { password, signal }: LoginRequest,
) {
  try {
    return await passwords.verify(password, credential?.passwordHash, signal);
  } catch (error) {
    if (error instanceof AppError && error.code === "overloaded") await attempt.notTried();
    else await attempt.failed();
    throw error;
  }
}

/** A right password that is refused for another reason is no wrong one. */
async function settled<T>(attempt: LoginAttempt, entry: Promise<T>): Promise<T> {
  try {
    return await entry;
  } catch (error) {
    await attempt.refused();
    throw error;
  }
}

const LOCKED = "Too many wrong passwords: wait, or use the link in the mail that was sent about it";

/** Lets in or challenges somebody whose password was right. Undefined: it is not any more. */
async function admit(
  options: LoginOptions,
  { account, passwordHash }: Credential,
  rehash: boolean,
  request: LoginRequest,
): Promise<Grant | AppError | undefined> {
  const { caller, device, rememberMe, trustedDeviceToken } = request;
  const replacement = rehash ? await rehashed(options, request) : undefined;
  return options.passGates({
    attempt: { account, caller, device, rememberMe, trustedDeviceToken, amr: ["pwd"] },
    within: (tx) => holdCredential(tx, account.id, passwordHash, replacement),
    passwordHash: replacement ?? passwordHash,
  });
}

/** A login does not fail because today's cost could not be paid just now. */
async function rehashed(
  { passwords }: LoginOptions,
  { password, signal }: LoginRequest,
): Promise<string | undefined> {
  try {
    return await passwords.hash(password, signal);
  } catch {
    return undefined;
  }
}

// Bounded by the budgets: an attempt that they refuse writes nothing.
function recordFailure(
  { database }: LoginOptions,
  credential: Credential | undefined,
  { caller }: LoginRequest,
  reason: string,
): Promise<void> {
  const { id: subject, tenantId } = credential?.account ?? {};
  return recordEvent(database, {
    action: "login.failure",
    subject,
    tenantId,
    reason,
    ...placeOf(caller),
  });
}

function createOutcomes(metrics: Metrics) {
  const counter = (outcome: string) =>
    metrics.counter("brigade_auth_logins_total", "Logins with a password", { outcome });
  return {
    success: counter("success"),
    challenge: counter("challenge"),
    failure: counter("failure"),
    locked: counter("locked"),
  };
}
