import { AppError } from "../../platform/errors.ts";
import type { Config } from "../../platform/config.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import { toIdentifier } from "../accounts/identifiers.ts";
import {
  findCredential,
  holdCredential,
  recordLogin,
  type Account,
  type Credential,
} from "../accounts/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Invalidate } from "../index.ts";
import type { Passwords } from "../password/password-port.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { DeviceInfo } from "./device.ts";
import {
  makeRoom,
  openSession,
  type Caller,
  type OpenedSession,
  type OpenOptions,
} from "./open.ts";
import type { Session } from "./store.ts";
import { issueTokens, type TokenOptions, type TokenPair } from "./tokens.ts";

export interface LoginOptions extends TokenOptions, Pick<OpenOptions, "policyOf" | "countryOf"> {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly invalidate: Invalidate;
  readonly keyRing: OpenOptions["keyRing"] & TokenOptions["keyRing"];
  readonly config: TokenOptions["config"] & Pick<Config, "emailVerification">;
  readonly metrics: Metrics;
}

export interface LoginRequest {
  /** An e-mail address or a user name. */
  readonly identifier: string;
  readonly password: string;
  readonly rememberMe: boolean;
  readonly device: DeviceInfo | undefined;
  readonly caller: Caller;
  readonly signal: AbortSignal | undefined;
}

/** Whoever proved who they are, and what they carry from now on. */
export interface Grant {
  readonly account: Account;
  readonly session: Session;
  readonly tokens: TokenPair;
}

export type Login = (request: LoginRequest) => Promise<Grant>;

/**
 * Password login: budget, credential, comparison, session, tokens. Up to a right password an
 * account that exists and one that does not take the same statements, the same hashing, and get
 * the same answer. Throws `credentials_invalid`, `account_disabled`, `rate_limited`, `overloaded`,
 * `conflict`.
 */
export function createLogin(options: LoginOptions): Login {
  const outcomes = createOutcomes(options.metrics);
  return async (request) => {
    // Before the budget: a refusal for want of room must not cost an attempt.
    options.passwords.assertRoom?.();
    const identifier = toIdentifier(request.identifier);
    const attempt = await options.throttle.login(identifier, request.caller.address);
    if (attempt === undefined) {
      outcomes.locked.add();
      // The same bytes as for a wrong password: whether there is anything to lock stays unsaid.
      throw authErrors.failure("credentials_invalid", { note: "no attempt left" });
    }
    for (let isLast = false; ; isLast = true) {
      const credential = await findCredential(options.database, identifier);
      const verdict = await checkPassword(options, attempt, credential, request);
      if (credential === undefined || !verdict.ok) {
        outcomes.failure.add();
        await recordFailure(options, credential, request, "password");
        throw authErrors.failure("credentials_invalid");
      }
      const grant = await admit(options, credential, verdict.rehash, request);
      // Another login or a change replaced the hash between the look and the session.
      if (grant === undefined && !isLast) continue;
      if (grant === undefined) throw authErrors.failure("credentials_invalid", { note: "changed" });
      outcomes.success.add();
      const { session, refreshSecret: secret, refreshKey: key } = grant.opened;
      const [tokens] = await Promise.all([
        issueTokens(options, grant.account, session, { secret, key }),
        attempt.succeeded(),
      ]);
      return { account: grant.account, session, tokens };
    }
  };
}

async function checkPassword(
  { passwords }: LoginOptions,
  attempt: { notTried(): Promise<void> },
  credential: Credential | undefined,
  { password, signal }: LoginRequest,
) {
  try {
    return await passwords.verify(password, credential?.passwordHash, signal);
  } catch (error) {
    if (error instanceof AppError && error.code === "overloaded") await attempt.notTried();
    throw error;
  }
}

/** Opens the session of somebody whose password was right. Undefined: it is not any more. */
async function admit(
  options: LoginOptions,
  { account: { id, active, emailVerified, tenantId }, passwordHash }: Credential,
  rehash: boolean,
  request: LoginRequest,
): Promise<{ account: Account; opened: OpenedSession } | undefined> {
  const { config, database } = options;
  if (!active) throw await refuse(options, { id, tenantId }, request, "disabled");
  if (config.emailVerification === "required" && !emailVerified) {
    throw await refuse(options, { id, tenantId }, request, "unverified");
  }
  const replacement = rehash ? await rehashed(options, request) : undefined;
  const event = { actor: id, subject: id, tenantId, ...placeOf(request.caller) };
  return database.withTransaction(
    async (tx) => {
      const account = await recordLogin(tx, id);
      if (account === undefined) return undefined;
      if (!(await holdCredential(tx, id, passwordHash, replacement))) return undefined;
      for (const sessionId of await makeRoom(tx, options, account)) {
        await recordEvent(tx, { ...event, action: "session.evict", sessionId, reason: "limit" });
      }
      const { device, rememberMe, caller } = request;
      const opened = await openSession(tx, options, account, {
        caller,
        device,
        rememberMe,
        amr: ["pwd"],
      });
      await recordEvent(tx, { ...event, action: "login.success", sessionId: opened.session.id });
      return { account, opened };
    },
    { revocation: true },
  );
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

/** Only who proved the password is told. */
async function refuse(
  options: LoginOptions,
  account: Pick<Account, "id" | "tenantId">,
  request: LoginRequest,
  reason: "disabled" | "unverified",
) {
  const { caller } = request;
  await recordEvent(options.database, {
    action: "login.failure",
    subject: account.id,
    tenantId: account.tenantId,
    reason,
    ...placeOf(caller),
  });
  return authErrors.failure(
    "account_disabled",
    reason === "unverified" ? { detail: "The e-mail address has to be verified first" } : {},
  );
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
  return { success: counter("success"), failure: counter("failure"), locked: counter("locked") };
}
