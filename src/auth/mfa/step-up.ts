import type { Principal } from "../../http/principal.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { findAccountById, type Account } from "../accounts/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Passwords } from "../password/password-port.ts";
import { provePassword } from "../password/prove.ts";
import type { Caller } from "../session/open.ts";
import { reauthenticate } from "../session/store.ts";
import { issueAccess, type IssuedAccess, type TokenOptions } from "../session/tokens.ts";
import type { Throttle } from "../throttle/throttle.ts";
import {
  forgiveFactor,
  refuseFactor,
  type CheckFactor,
  type FactorAnswer,
} from "./check-factor.ts";

export interface StepUpOptions extends TokenOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly checkFactor: CheckFactor;
}

export interface StepUpRequest {
  readonly accountId: string;
  readonly sessionId: string;
  readonly answer: FactorAnswer | { readonly method: "password"; readonly password: string };
  readonly caller: Caller;
  readonly signal: AbortSignal | undefined;
}

/**
 * Proves again who holds a session; its next tokens say so. Who has a second factor proves that
 * one. Throws `credentials_invalid`, `mfa_code_invalid`, `validation_failed`, `rate_limited`,
 * `overloaded`, `token_invalid` when the session is over.
 */
export type StepUp = (request: StepUpRequest) => Promise<IssuedAccess>;

interface Proof {
  readonly amr: readonly string[];
  readonly spent: string;
  use(tx: Transaction): Promise<boolean>;
  forgive(): Promise<void>;
}

export function createStepUp(options: StepUpOptions): StepUp {
  return async (request) => {
    const { database } = options;
    const { accountId, sessionId, caller } = request;
    const account = await findAccountById(database, accountId);
    if (account === undefined) throw authErrors.failure("token_invalid");
    const proof = await prove(options, account, request);
    let isUsed = false;
    const session = await database.withTransaction(async (tx) => {
      isUsed = await proof.use(tx);
      if (!isUsed) return undefined;
      const again = await reauthenticate(tx, { accountId, sessionId, amr: proof.amr });
      if (again === undefined) return undefined;
      const { id, tenantId } = account;
      const event = { action: "session.step_up", actor: id, subject: id, tenantId } as const;
      await recordEvent(tx, { ...event, sessionId, ...placeOf(caller) });
      return again;
    });
    if (!isUsed) {
      await refuseFactor(options, { account, caller }, proof.spent);
      throw authErrors.failure("mfa_code_invalid");
    }
    if (session === undefined) throw authErrors.failure("token_invalid");
    const [access] = await Promise.all([issueAccess(options, account, session), proof.forgive()]);
    return access;
  };
}

async function prove(
  options: StepUpOptions,
  account: Account,
  { answer, caller, signal }: StepUpRequest,
): Promise<Proof> {
  if (answer.method === "password") {
    return passwordProof(options, account, answer.password, caller, signal);
  }
  const asked = { account, answer, purpose: "step_up" as const, caller };
  const proof = await options.checkFactor(asked);
  return {
    amr: [...proof.amr, "mfa"],
    spent: proof.spent,
    use: (tx) => proof.use(tx),
    forgive: () => forgiveFactor(options, asked),
  };
}

async function passwordProof(
  options: StepUpOptions,
  account: Account,
  password: string,
  caller: Caller,
  signal: AbortSignal | undefined,
): Promise<Proof> {
  if (account.factors.length > 0) {
    throw platformErrors.failure("validation_failed", {
      errors: [{ path: "/body/method", code: "factor_needed", message: "must be a second factor" }],
    });
  }
  if ((await provePassword(options, account.id, password, signal)) === undefined) {
    await refuseFactor(options, { account, caller }, "step-up password");
    throw authErrors.failure("credentials_invalid");
  }
  return {
    amr: ["pwd"],
    spent: "",
    use: async () => true,
    forgive: () => options.throttle.refill("passwordAccount", account.id),
  };
}

/** Whose session it is. Throws `permission_denied` for whoever has none here. */
export function ownSession(principal: Principal): { accountId: string; sessionId: string } {
  const { accountId, sessionId } = principal;
  if (accountId !== undefined && sessionId !== undefined) return { accountId, sessionId };
  throw authErrors.failure("permission_denied", { detail: "The caller has no session here" });
}
