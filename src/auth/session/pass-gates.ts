import type { Config } from "../../platform/config.ts";
import { AppError } from "../../platform/errors.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import { issueChallenge } from "../mfa/challenge.ts";
import type { Enter, Grant } from "./enter.ts";
import { judgeLogin, type LoginAttempt, type LoginGate } from "./login-gate.ts";

export interface PassGatesOptions {
  readonly database: Database;
  readonly enter: Enter;
  /** Asked in this order between the first factor and the session. */
  readonly gates: readonly LoginGate[];
  readonly config: Pick<Config, "emailVerification">;
}

export interface Passage {
  readonly attempt: LoginAttempt;
  /** The first factor still is what it was checked against, or is used up. False: it is not. */
  readonly within: (tx: Transaction) => Promise<boolean>;
  /** Of the password as it is after `within`; undefined when none was asked for. */
  readonly passwordHash: string | undefined;
}

/**
 * Leads somebody whose first factor was right to a session, or to a challenge or a password that
 * has to be changed, which are returned as the failure to be thrown. Undefined: `within` or the account's factors did not hold. Throws
 * `account_disabled` and what a gate refuses with.
 */
export type PassGates = (passage: Passage) => Promise<Grant | AppError | undefined>;

export function createPassGates(options: PassGatesOptions): PassGates {
  const { database, enter, gates, config } = options;
  return async ({ attempt, within, passwordHash }) => {
    const { account } = attempt;
    if (!account.active) throw await refusal(options, attempt, "disabled");
    if (config.emailVerification === "required" && !account.emailVerified) {
      throw await refusal(options, attempt, "unverified");
    }
    const verdict = await judgeLogin(gates, attempt);
    if (verdict.kind === "refuse") {
      await recordRefusal(options, attempt, verdict.reason);
      throw authErrors.failure(verdict.code, { note: verdict.reason });
    }
    if (verdict.kind === "allow") return enter({ ...attempt, within }).catch(asValue);
    const { reasons, isEnrol } = verdict;
    const { id, tenantId } = account;
    const place = placeOf(attempt.caller);
    return database.withTransaction(async (tx) => {
      if (!(await within(tx))) return undefined;
      const event = { actor: id, subject: id, tenantId, reason: reasons.join(", "), ...place };
      await recordEvent(tx, { action: "login.challenge", ...event });
      return issueChallenge(tx, { attempt, isEnrol, passwordHash });
    });
  };
}

/** The password was right, though it opens nothing any more: it was no wrong attempt. */
function asValue(error: unknown): AppError {
  if (error instanceof AppError && error.code === "password_expired") return error;
  throw error;
}

/** Only who proved the first factor is told. */
async function refusal(
  options: PassGatesOptions,
  attempt: LoginAttempt,
  reason: "disabled" | "unverified",
) {
  await recordRefusal(options, attempt, reason);
  return authErrors.failure(
    "account_disabled",
    reason === "unverified" ? { detail: "The e-mail address has to be verified first" } : {},
  );
}

function recordRefusal(
  { database }: PassGatesOptions,
  { account: { id: subject, tenantId }, caller }: LoginAttempt,
  reason: string,
): Promise<void> {
  const place = placeOf(caller);
  return recordEvent(database, { action: "login.failure", subject, tenantId, reason, ...place });
}
