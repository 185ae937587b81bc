import { createHash } from "node:crypto";
import type { AppError } from "../../platform/errors.ts";
import { mfaLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import { authErrors } from "../errors.ts";
import { issueOneTimeToken, type OneTimeToken } from "../one-time/store.ts";
import { deviceDigestOf } from "../session/device.ts";
import type { LoginAttempt } from "../session/login-gate.ts";

/** How a challenge can be met. `enrol`: by setting up a factor first, and by nothing else. */
export type ChallengeMethod = "totp" | "passkey" | "recovery_code" | "enrol";

/** What was proven when a challenge was issued, and by whom. */
export interface Challenge {
  readonly accountId: string;
  readonly amr: readonly string[];
  readonly rememberMe: boolean;
  /** The device secret's digest; whoever completes the login has the same secret. */
  readonly deviceDigest: string | undefined;
  /** The digest of the password's hash: another password by then, no entry. */
  readonly credentialDigest: string | undefined;
  readonly factorVersion: number;
  readonly isEnrol: boolean;
}

export interface ChallengeRequest {
  readonly attempt: LoginAttempt;
  readonly isEnrol: boolean;
  /** Of the password that was right; undefined when none was asked for. */
  readonly passwordHash: string | undefined;
}

/** Writes a challenge down; its token is good for completing this login and for nothing else. */
export async function issueChallenge(
  asker: Transaction | Pick<Database, "query">,
  { attempt, isEnrol, passwordHash }: ChallengeRequest,
): Promise<AppError> {
  const { account, amr, rememberMe, device } = attempt;
  const data: Omit<Challenge, "accountId"> = {
    amr,
    rememberMe,
    deviceDigest: deviceDigestOf(device)?.toString("base64url"),
    credentialDigest: passwordHash === undefined ? undefined : digestOfHash(passwordHash),
    factorVersion: account.factorVersion,
    isEnrol,
  };
  const token = await issueOneTimeToken(asker, {
    purpose: "mfa.challenge",
    accountId: account.id,
    seconds: limits.challengeSeconds,
    data: { ...data },
  });
  return authErrors.failure("mfa_required", {
    members: {
      challenge_token: token,
      methods: methodsOf(account, isEnrol),
      expires_in: limits.challengeSeconds,
    },
  });
}

export function toChallenge({ accountId, data }: OneTimeToken): Challenge {
  return { accountId, ...(data as unknown as Omit<Challenge, "accountId">) };
}

function methodsOf({ factors }: Account, isEnrol: boolean): ChallengeMethod[] {
  if (isEnrol) return ["enrol"];
  return [...factors, "recovery_code"] as ChallengeMethod[];
}

/** Names a password's hash without holding it. */
export function digestOfHash(passwordHash: string): string {
  return createHash("sha256").update(passwordHash).digest("base64url");
}

/** Names the login that a challenge token stands for, without holding the token. */
export function ownerOf(challengeToken: string): string {
  return `login ${digestOfHash(challengeToken)}`;
}
