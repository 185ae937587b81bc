import type { Clock } from "../../platform/clock.ts";
import type { QueueMail } from "../../platform/mail.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import { recoveryCodeUsedMail } from "../mail/factor-mails.ts";
import { isSealedByFirst, seal, unseal } from "../keys/envelope.ts";
import type { Caller } from "../session/open.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { recoveryCodeDigest } from "./recovery-codes.ts";
import type { SealingKeys } from "../keys/sealing-keys.ts";
import { totpContext } from "./sealing.ts";
import {
  consumeWebauthnChallenge,
  countPasskeyUse,
  findPasskey,
  type Passkey,
  type WebauthnPurpose,
} from "./store-passkeys.ts";
import { findRecipient } from "./store-factors.ts";
import { countRecoveryCodes, hasRecoveryCode, useRecoveryCode } from "./store-recovery.ts";
import { findTotp, takeStep } from "./store-totp.ts";
import { matchTotp } from "./totp.ts";
import {
  challengeOf,
  verifyAssertion,
  type AuthenticationResponseJSON,
  type RelyingParty,
} from "./webauthn.ts";

export interface CheckFactorOptions {
  readonly database: Database;
  readonly throttle: Throttle;
  readonly sealingKeys: SealingKeys;
  readonly party: RelyingParty;
  readonly queueMail: QueueMail;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** What somebody answers when asked for a second factor. */
export type FactorAnswer =
  | { readonly method: "totp" | "recovery_code"; readonly code: string }
  | { readonly method: "passkey"; readonly response: AuthenticationResponseJSON };

/** A right answer that is still to be used up. */
export interface FactorProof {
  /** What it adds to the authentication methods (RFC 8176). */
  readonly amr: readonly string[];
  /** Uses it up in the transaction of what it is for. False: somebody else did. */
  use(tx: Transaction): Promise<boolean>;
  /** What that means, for the audit log. */
  readonly spent: string;
}

export interface FactorRequest {
  readonly account: Account;
  readonly answer: FactorAnswer;
  /** What an authenticator was asked to sign for. */
  readonly purpose: Extract<WebauthnPurpose, "factor" | "step_up">;
  readonly caller: Caller;
}

/** Throws `rate_limited`, `mfa_code_invalid`. */
export type CheckFactor = (request: FactorRequest) => Promise<FactorProof>;

/**
 * Looks at an answer after a unit of its budget was taken, in that order: however many guess at
 * once, in however many processes, no more answers are looked at than the budget has units.
 */
export function createCheckFactor(options: CheckFactorOptions): CheckFactor {
  const count = createOutcomes(options.metrics);
  return async (request) => {
    const { account, answer, caller } = request;
    await options.throttle.take([
      ["otpNetwork", caller.address],
      ...budgetsOf(answer).map((kind) => [kind, account.id] as const),
    ]);
    const proof = await proofOf(options, request);
    count(answer.method, proof === undefined ? "failure" : "success");
    if (proof !== undefined) return proof;
    await refuseFactor(options, request, answer.method);
    throw authErrors.failure("mfa_code_invalid");
  };
}

/** The budgets of a right answer are whole again. To be called after it was used. */
export async function forgiveFactor(
  { throttle }: Pick<CheckFactorOptions, "throttle">,
  { account, answer, caller }: FactorRequest,
): Promise<void> {
  const [short, ...long] = budgetsOf(answer);
  await Promise.all([
    throttle.refill(short, account.id),
    ...long.map((kind) => throttle.giveBack(kind, account.id)),
    throttle.giveBack("otpNetwork", caller.address),
  ]);
}

// A signature cannot be guessed: who knows the password must not lock the passkey out.
function budgetsOf({ method }: FactorAnswer) {
  return method === "passkey"
    ? (["passkeyAccount"] as const)
    : (["otpAccount", "otpLongAccount"] as const);
}

/** Writes down that an answer did not count. */
export function refuseFactor(
  { database }: Pick<CheckFactorOptions, "database">,
  { account, caller }: Pick<FactorRequest, "account" | "caller">,
  reason: string,
): Promise<void> {
  return recordEvent(database, {
    action: "mfa.failure",
    subject: account.id,
    tenantId: account.tenantId,
    reason,
    ...placeOf(caller),
  });
}

function proofOf(options: CheckFactorOptions, request: FactorRequest) {
  const { answer, account } = request;
  if (answer.method === "passkey") return passkeyProof(options, request, answer.response);
  return answer.method === "totp"
    ? totpProof(options, account, answer.code)
    : recoveryProof(options, request, answer.code);
}

async function totpProof(
  { database, sealingKeys, clock }: CheckFactorOptions,
  { id }: Account,
  code: string,
): Promise<FactorProof | undefined> {
  const totp = await findTotp(database, id);
  if (totp === undefined) return undefined;
  const { sealed } = totp;
  const keys = await sealingKeys();
  const secret = unseal(sealed, keys, totpContext(id));
  const step = matchTotp(secret, code, clock.nowMs());
  if (step === undefined) return undefined;
  // After another key-encryption key came first, nothing in use stays sealed with an older one.
  const resealed = isSealedByFirst(sealed, keys) ? sealed : seal(secret, keys, totpContext(id));
  const taken = { sealed, step, resealed };
  return { amr: ["otp"], spent: "totp replayed", use: (tx) => takeStep(tx, id, taken) };
}

async function recoveryProof(
  { database, queueMail }: CheckFactorOptions,
  { account: { id, tenantId }, caller }: FactorRequest,
  code: string,
): Promise<FactorProof | undefined> {
  const digest = recoveryCodeDigest(code);
  if (digest === undefined || !(await hasRecoveryCode(database, id, digest))) return undefined;
  return {
    amr: ["otp"],
    spent: "recovery code replayed",
    async use(tx) {
      if (!(await useRecoveryCode(tx, id, digest))) return false;
      const left = await countRecoveryCodes(tx, id);
      await recordEvent(tx, {
        action: "mfa.recovery_code_used",
        actor: id,
        subject: id,
        tenantId,
        reason: `${left} left`,
        ...placeOf(caller),
      });
      const { email: to, name, language } = await findRecipient(tx, id);
      const mail = recoveryCodeUsedMail({ language, name, left });
      await queueMail(tx, { name: "recovery_code_used", accountId: id, to, ...mail });
      return true;
    },
  };
}

async function passkeyProof(
  options: CheckFactorOptions,
  { account, purpose }: FactorRequest,
  response: AuthenticationResponseJSON,
): Promise<FactorProof | undefined> {
  const signed = await checkAssertion(options, { purpose, accountId: account.id, response });
  if (signed === undefined || signed.passkey.accountId !== account.id) return undefined;
  const { passkey, signCount, amr } = signed;
  return { amr, spent: COUNTER_BACK, use: (tx) => countPasskeyUse(tx, passkey.id, signCount) };
}

/** The authenticator's counter did not go on: there may be a copy of it (WebAuthn §6.1.1). */
export const COUNTER_BACK = "passkey counter went back";

/** A passkey that signed a challenge of ours. */
export interface SignedPasskey {
  readonly passkey: Passkey;
  readonly signCount: number;
  readonly userVerified: boolean;
  readonly amr: readonly string[];
}

/** Uses the challenge up, then looks whether one of our passkeys signed it. */
export async function checkAssertion(
  { database, party }: Pick<CheckFactorOptions, "database" | "party">,
  asked: {
    readonly purpose: WebauthnPurpose;
    readonly accountId: string | undefined;
    readonly response: AuthenticationResponseJSON;
  },
): Promise<SignedPasskey | undefined> {
  const { purpose, accountId, response } = asked;
  const challenge = challengeOf(response.response.clientDataJSON);
  if (challenge === undefined) return undefined;
  if (!(await consumeWebauthnChallenge(database, purpose, accountId, challenge))) return undefined;
  const passkey = await findPasskey(database, response.id);
  if (passkey === undefined) return undefined;
  const assertion = await verifyAssertion(party, challenge, passkey, response);
  if (assertion === undefined) return undefined;
  const { userVerified, signCount } = assertion;
  const held = passkey.synced ? "swk" : "hwk";
  return { passkey, signCount, userVerified, amr: userVerified ? [held, "user"] : [held] };
}

function createOutcomes(metrics: Metrics) {
  const methods = ["totp", "recovery_code", "passkey"] as const;
  const outcomes = ["success", "failure"] as const;
  const counters = new Map(
    methods.flatMap((method) =>
      outcomes.map((outcome) => [
        `${method} ${outcome}`,
        metrics.counter("brigade_auth_factor_checks_total", "Second factors looked at", {
          method,
          outcome,
        }),
      ]),
    ),
  );
  return (method: (typeof methods)[number], outcome: (typeof outcomes)[number]) =>
    counters.get(`${method} ${outcome}`)!.add();
}
