import { platformErrors } from "../../platform/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { newId } from "../../platform/ids.ts";
import { mfaLimits as limits } from "../../platform/limits.ts";
import { isUniqueViolation, type Database, type Transaction } from "../../platform/postgres.ts";
import { findAccountById, type Account } from "../accounts/store.ts";
import { authErrors } from "../errors.ts";
import type { Caller } from "../session/open.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { ChangeFactors } from "./change-factors.ts";
import type { EnrolTotp, ShownTotp } from "./enrol-totp.ts";
import { newRecoveryCodes, recoveryCodeDigest } from "./recovery-codes.ts";
import {
  consumeWebauthnChallenge,
  deletePasskeys,
  insertPasskey,
  issueWebauthnChallenge,
  listPasskeys,
  type Passkey,
} from "./store-passkeys.ts";
import { replaceRecoveryCodes } from "./store-recovery.ts";
import { deleteTotp, findTotp } from "./store-totp.ts";
import {
  challengeOf,
  registrationOptions,
  verifyRegistration,
  type RegistrationResponseJSON,
  type RelyingParty,
} from "./webauthn.ts";

export interface FactorsOptions {
  readonly database: Database;
  readonly changeFactors: ChangeFactors;
  readonly enrolTotp: EnrolTotp;
  readonly throttle: Throttle;
  readonly policyOf: PolicyOf;
  readonly party: RelyingParty;
  readonly clock: Clock;
}

/** Somebody who changes what they prove themselves with. */
export interface Holder {
  readonly accountId: string;
  readonly tenantId: string;
  readonly sessionId: string;
  readonly caller: Caller;
}

/** The recovery codes of an account that got its first factor; undefined for a further one. */
export type FirstCodes = readonly string[] | undefined;

/** An account's own factors. All changes throw `rate_limited` and `not_found`. */
export interface Factors {
  showTotp(holder: Holder, signal?: AbortSignal): Promise<ShownTotp>;
  /** Throws `mfa_code_invalid`. */
  confirmTotp(holder: Holder, code: string): Promise<FirstCodes>;
  /** Throws `conflict` for the last factor where one is required. */
  removeTotp(holder: Holder): Promise<void>;
  passkeyOptions(holder: Holder): ReturnType<typeof registrationOptions>;
  /** Throws `mfa_code_invalid` for what is not made for us, `conflict` for one that is known. */
  addPasskey(
    holder: Holder,
    name: string,
    response: RegistrationResponseJSON,
  ): Promise<{ passkey: Passkey; codes: FirstCodes }>;
  /** Throws `conflict` for the last factor where one is required. */
  removePasskey(holder: Holder, id: string): Promise<void>;
  /** New ones in place of all others. Throws `conflict` without a factor. */
  makeRecoveryCodes(holder: Holder): Promise<readonly string[]>;
}

export function createFactors(options: FactorsOptions): Factors {
  const { changeFactors, throttle } = options;
  /** Each change wakes every process. */
  const change = async <T>(
    holder: Holder,
    action: Parameters<ChangeFactors>[0]["action"],
    body: (tx: Transaction) => Promise<T>,
  ): Promise<T> => {
    await throttle.take("revokeAccount", holder.accountId);
    return changeFactors({ ...holder, action }, body);
  };
  return {
    async showTotp(holder, signal) {
      await throttle.take("revokeAccount", holder.accountId);
      const account = await accountOf(options, holder);
      return options.enrolTotp.show(account, ownerOf(holder), signal);
    },
    async confirmTotp(holder, code) {
      const account = await accountOf(options, holder);
      const confirmed = await options.enrolTotp.check(account, ownerOf(holder), code);
      if (confirmed === undefined) throw authErrors.failure("mfa_code_invalid");
      return change(holder, "mfa.totp_added", async (tx) => {
        if (!(await confirmed.use(tx))) throw authErrors.failure("mfa_code_invalid");
        return firstCodes(tx, account);
      });
    },
    removeTotp: (holder) =>
      change(holder, "mfa.totp_removed", async (tx) => {
        if (!(await deleteTotp(tx, holder.accountId))) throw platformErrors.failure("not_found");
        await assertFactorLeft(tx, options, holder);
      }),
    passkeyOptions: (holder) => passkeyOptions(options, holder),
    async addPasskey(holder, name, response) {
      const made = await verifyMade(options, holder, response);
      const account = await accountOf(options, holder);
      const passkey = { ...made, id: newId(options.clock), accountId: account.id, name };
      try {
        return await change(holder, "mfa.passkey_added", async (tx) => ({
          passkey: await insertPasskey(tx, passkey),
          codes: await firstCodes(tx, account),
        }));
      } catch (error) {
        if (!isUniqueViolation(error, "passkeys_credential")) throw error;
        throw platformErrors.failure("conflict", { detail: "The passkey is known already" });
      }
    },
    removePasskey: (holder, id) =>
      change(holder, "mfa.passkey_removed", async (tx) => {
        const count = await deletePasskeys(tx, holder.accountId, id);
        if (count === 0) throw platformErrors.failure("not_found");
        await assertFactorLeft(tx, options, holder);
      }),
    makeRecoveryCodes: (holder) =>
      change(holder, "mfa.recovery_codes_made", async (tx) => {
        if (!(await hasFactor(tx, holder.accountId))) {
          throw platformErrors.failure("conflict", { detail: "The account has no second factor" });
        }
        return giveRecoveryCodes(tx, holder.accountId);
      }),
  };
}

function ownerOf({ sessionId }: Holder): string {
  return `session ${sessionId}`;
}

async function accountOf({ database }: FactorsOptions, { accountId }: Holder): Promise<Account> {
  const account = await findAccountById(database, accountId);
  if (account === undefined) throw platformErrors.failure("not_found");
  return account;
}

async function giveRecoveryCodes(tx: Transaction, accountId: string): Promise<readonly string[]> {
  const codes = newRecoveryCodes();
  const digests = codes.map((code) => recoveryCodeDigest(code)!);
  await replaceRecoveryCodes(tx, accountId, digests);
  return codes;
}

async function firstCodes(tx: Transaction, { id, factors }: Account): Promise<FirstCodes> {
  return factors.length === 0 ? giveRecoveryCodes(tx, id) : undefined;
}

async function hasFactor(tx: Transaction, accountId: string): Promise<boolean> {
  if ((await findTotp(tx, accountId)) !== undefined) return true;
  return (await listPasskeys(tx, accountId)).length > 0;
}

async function assertFactorLeft(
  tx: Transaction,
  { policyOf }: FactorsOptions,
  { accountId, tenantId }: Holder,
): Promise<void> {
  if ((await policyOf(tenantId)).mfa.mode !== "required") return;
  if (await hasFactor(tx, accountId)) return;
  throw platformErrors.failure("conflict", { detail: "The account needs a second factor" });
}

async function passkeyOptions(options: FactorsOptions, holder: Holder) {
  const { database, party, throttle } = options;
  await throttle.take("revokeAccount", holder.accountId);
  const account = await accountOf(options, holder);
  const present = await listPasskeys(database, account.id);
  if (present.length >= limits.passkeysPerAccount) {
    throw platformErrors.failure("conflict", { detail: "The account has as many as it may have" });
  }
  const challenge = await issueWebauthnChallenge(database, "register", account.id);
  return registrationOptions(party, account, challenge, present);
}

async function verifyMade(
  { database, party }: FactorsOptions,
  { accountId }: Holder,
  response: RegistrationResponseJSON,
) {
  const challenge = challengeOf(response.response.clientDataJSON);
  const isOurs =
    challenge !== undefined &&
    (await consumeWebauthnChallenge(database, "register", accountId, challenge));
  const made = isOurs ? await verifyRegistration(party, challenge, response) : undefined;
  if (made === undefined) throw authErrors.failure("mfa_code_invalid");
  return made;
}
