import { timingSafeEqual } from "node:crypto";
import { newId } from "../../platform/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { QueueMail } from "../../platform/mail.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { findAccountById, holdCredentialOf, type Account } from "../accounts/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Invalidate } from "../index.ts";
import { consumeOneTimeToken, findOneTimeToken } from "../one-time/store.ts";
import { describeDevice, deviceDigestOf, type DeviceInfo } from "../session/device.ts";
import type { Enter, Grant } from "../session/enter.ts";
import type { Caller } from "../session/open.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import { coarseNetworkOf } from "../throttle/network.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { ownerOf, toChallenge, type Challenge } from "./challenge.ts";
import { followFactorChange } from "./change-factors.ts";
import {
  forgiveFactor,
  refuseFactor,
  type CheckFactor,
  type FactorAnswer,
  type FactorProof,
} from "./check-factor.ts";
import type { EnrolTotp, ShownTotp } from "./enrol-totp.ts";
import { newRecoveryCodes, recoveryCodeDigest } from "./recovery-codes.ts";
import { insertTrustedDevice } from "./store-devices.ts";
import { replaceRecoveryCodes } from "./store-recovery.ts";

export interface CompleteOptions {
  readonly database: Database;
  readonly enter: Enter;
  readonly checkFactor: CheckFactor;
  readonly enrolTotp: EnrolTotp;
  readonly throttle: Throttle;
  readonly policyOf: PolicyOf;
  readonly invalidate: Invalidate;
  readonly queueMail: QueueMail;
  readonly ownIssuer: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export interface CompletionRequest {
  readonly challengeToken: string;
  readonly answer: FactorAnswer;
  readonly device: DeviceInfo | undefined;
  readonly rememberDevice: boolean;
  readonly caller: Caller;
}

export interface Completion {
  readonly grant: Grant;
  /** For the device that is to be remembered. */
  readonly trustedDeviceToken: string | undefined;
  /** Those of an account that got its first factor just now. */
  readonly recoveryCodes: readonly string[] | undefined;
}

/** A login that waits for its second factor. */
export interface PendingLogin {
  readonly account: Account;
  readonly challenge: Challenge;
}

export interface ChallengeCompletion {
  /** Throws `mfa_challenge_invalid`, `device_mismatch`. Uses nothing up. */
  find(challengeToken: string, device: DeviceInfo | undefined): Promise<PendingLogin>;
  /** A code generator for whoever has to set up a factor before the login goes on. */
  showTotp(
    challengeToken: string,
    device: DeviceInfo | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ShownTotp>;
  /** Throws also `mfa_code_invalid`, `rate_limited`, `conflict`. */
  complete(request: CompletionRequest): Promise<Completion>;
}

/** The second half of a login. A wrong answer costs a unit of the account's budget, not the login. */
export function createChallengeCompletion(options: CompleteOptions): ChallengeCompletion {
  const find = (token: string, device: DeviceInfo | undefined) =>
    findPending(options, token, device);
  return {
    find,
    async showTotp(challengeToken, device, signal) {
      const { account, challenge } = await find(challengeToken, device);
      if (!challenge.isEnrol) throw invalid("has a factor");
      return options.enrolTotp.show(account, ownerOf(challengeToken), signal);
    },
    complete: (request) => complete(options, request),
  };
}

async function findPending(
  { database }: CompleteOptions,
  challengeToken: string,
  device: DeviceInfo | undefined,
): Promise<PendingLogin> {
  const token = await findOneTimeToken(database, "mfa.challenge", challengeToken);
  if (token === undefined) throw invalid("unknown, used or late");
  const challenge = toChallenge(token);
  if (!isSameDevice(challenge, device)) throw authErrors.failure("device_mismatch");
  const account = await findAccountById(database, challenge.accountId);
  if (account?.active !== true) throw invalid("account");
  if (account.factorVersion !== challenge.factorVersion) throw invalid("other factors");
  return { account, challenge };
}

function isSameDevice({ deviceDigest }: Challenge, device: DeviceInfo | undefined): boolean {
  if (deviceDigest === undefined) return true;
  const given = deviceDigestOf(device);
  return given !== undefined && timingSafeEqual(given, Buffer.from(deviceDigest, "base64url"));
}

async function complete(options: CompleteOptions, request: CompletionRequest): Promise<Completion> {
  const { challengeToken, answer, device, caller } = request;
  const { account, challenge } = await findPending(options, challengeToken, device);
  const asked = { account, answer, purpose: "factor" as const, caller };
  const recoveryCodes = challenge.isEnrol ? newRecoveryCodes() : undefined;
  const proof =
    recoveryCodes === undefined
      ? await options.checkFactor(asked)
      : await firstProof(options, request, account, recoveryCodes);
  let isUsed = false;
  let trustedDeviceToken: string | undefined;
  const grant = await options.enter({
    account,
    caller,
    device,
    rememberMe: challenge.rememberMe,
    amr: [...new Set([...challenge.amr, ...proof.amr, "mfa"])],
    async within(tx) {
      isUsed = await proof.use(tx);
      if (!isUsed || !(await isStillGood(tx, challenge, challengeToken))) return false;
      if (request.rememberDevice) trustedDeviceToken = await trust(tx, options, account, request);
      return true;
    },
  });
  if (grant === undefined) {
    if (isUsed) throw invalid("used or changed meanwhile");
    await refuseFactor(options, asked, proof.spent);
    throw authErrors.failure("mfa_code_invalid");
  }
  if (recoveryCodes === undefined) await forgiveFactor(options, asked);
  return { grant, trustedDeviceToken, recoveryCodes };
}

/** The password is the one that was right, and nobody else completed this login. */
async function isStillGood(
  tx: Transaction,
  { accountId, credentialDigest }: Challenge,
  challengeToken: string,
): Promise<boolean> {
  if (credentialDigest !== undefined) {
    const digest = Buffer.from(credentialDigest, "base64url");
    if (!(await holdCredentialOf(tx, accountId, digest))) return false;
  }
  return (await consumeOneTimeToken(tx, "mfa.challenge", challengeToken)) !== undefined;
}

/** The first code of a generator that was shown for this login. */
async function firstProof(
  options: CompleteOptions,
  { answer, caller, challengeToken }: CompletionRequest,
  account: Account,
  recoveryCodes: readonly string[],
): Promise<FactorProof> {
  const confirmed =
    answer.method === "totp"
      ? await options.enrolTotp.check(account, ownerOf(challengeToken), answer.code)
      : undefined;
  if (confirmed === undefined) throw authErrors.failure("mfa_code_invalid");
  const { id: accountId, tenantId } = account;
  return {
    amr: ["otp"],
    spent: "totp confirmed elsewhere",
    async use(tx) {
      if (!(await confirmed.use(tx))) return false;
      const digests = recoveryCodes.map((code) => recoveryCodeDigest(code)!);
      await replaceRecoveryCodes(tx, accountId, digests);
      const change = { accountId, tenantId, sessionId: undefined, caller };
      await followFactorChange(tx, options, { ...change, action: "mfa.totp_added" });
      return true;
    },
  };
}

async function trust(
  tx: Transaction,
  { policyOf, clock }: CompleteOptions,
  { id, tenantId }: Account,
  { device, caller }: CompletionRequest,
): Promise<string | undefined> {
  const { trustedDeviceDays: days } = (await policyOf(tenantId)).mfa;
  if (days <= 0) return undefined;
  const token = await insertTrustedDevice(tx, {
    id: newId(clock),
    accountId: id,
    device: describeDevice(device, caller.userAgent),
    network: coarseNetworkOf(caller.address),
    days,
  });
  const event = { action: "mfa.device_trusted", actor: id, subject: id, tenantId } as const;
  await recordEvent(tx, { ...event, ...placeOf(caller) });
  return token;
}

function invalid(note: string) {
  return authErrors.failure("mfa_challenge_invalid", { note });
}
