import type { Config } from "../../platform/config.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Place } from "../audit/place.ts";
import { recordEvent, type AuditEvent } from "../audit/store.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import type { CheckBreach } from "./breach.ts";
import type { Passwords } from "./password-port.ts";
import {
  guessingFaults,
  passwordFaults,
  rulesOf,
  type PasswordFault,
  type PasswordRules,
} from "./policy.ts";

export interface JudgeOptions {
  readonly passwords: Pick<Passwords, "assess">;
  /** Undefined: the list of common passwords is all there is. */
  readonly checkBreach?: CheckBreach | undefined;
  /** For the audit log: a password was taken that could not be looked up. */
  readonly database?: Pick<Database, "query"> | undefined;
  readonly policyOf: PolicyOf;
  readonly config: Pick<Config, "passwordHash" | "publicUrl">;
}

/** A password that somebody would like to have. */
export interface Candidate {
  readonly password: string;
  readonly tenantId: string;
  /** E-mail address, user name and name of its owner, as far as there are any. */
  readonly names: readonly (string | undefined)[];
  /** Where it stands in the request; default `/body/password`. */
  readonly path?: string;
  readonly signal?: AbortSignal | undefined;
  /** For the audit log: whose it is, and where it was asked from. */
  readonly place?: (Partial<Place> & Pick<AuditEvent, "subject">) | undefined;
}

export interface Judgement {
  /** From 0 (guessed at once) to 4. */
  readonly score: number;
  /** Empty: it may be taken. */
  readonly unmet: readonly PasswordFault[];
}

/** Decides whether a password may be taken, by the rules of the tenant it is for. */
export interface PasswordJudge {
  rules(tenantId: string): Promise<PasswordRules>;
  /** Everything that is wrong with it, and how hard it is to guess. */
  judge(candidate: Candidate): Promise<Judgement>;
  /**
   * Throws `validation_failed` naming every requirement that is not met. One that meets them is
   * looked up among leaked ones, where that is set.
   */
  assertAcceptable(candidate: Candidate): Promise<void>;
}

export function createPasswordJudge(options: JudgeOptions): PasswordJudge {
  const { passwords, policyOf, config } = options;
  const serviceWords = serviceWordsOf(config.publicUrl);
  const rules = async (tenantId: string) => rulesOf(await policyOf(tenantId), config.passwordHash);

  async function judge({ password, tenantId, names, signal }: Candidate): Promise<Judgement> {
    const known = names.filter((name) => name !== undefined && name !== "") as string[];
    const words = [...known, ...serviceWords];
    const own = await rules(tenantId);
    const plain = passwordFaults(password, words, own);
    const assessment = await passwords.assess(password, words, signal);
    const unmet = [...plain, ...guessingFaults(assessment, own)];
    return Object.freeze({ score: assessment.score, unmet: Object.freeze(unmet) });
  }

  return Object.freeze({
    rules,
    judge,
    async assertAcceptable(candidate: Candidate) {
      const { unmet } = await judge(candidate);
      if (unmet.length > 0) throw refusal(candidate, unmet);
      const verdict = await options.checkBreach?.(candidate.password);
      if (verdict === "breached") throw refusal(candidate, [BREACHED]);
      if (verdict === "unchecked") await recordUnchecked(options, candidate);
    },
  });
}

const BREACHED: PasswordFault = Object.freeze({
  code: "password_breached",
  message: "is known from a leak; whoever guesses has it",
});

function refusal({ path = "/body/password" }: Candidate, unmet: readonly PasswordFault[]) {
  const errors = unmet.map((fault) => ({ path, ...fault }));
  return platformErrors.failure("validation_failed", { errors });
}

/** Somebody else's outage keeps nobody from a new password; it is told, though. */
async function recordUnchecked(
  { database }: JudgeOptions,
  { tenantId, place }: Candidate,
): Promise<void> {
  if (database === undefined) return;
  await recordEvent(database, { action: "password.breach_unchecked", tenantId, ...place });
}

/** What everybody who is here knows: the product's name, and the labels of the host name. */
function serviceWordsOf(publicUrl: string): readonly string[] {
  const { hostname } = new URL(publicUrl);
  return Object.freeze(["brigade", hostname, ...hostname.split(".")]);
}
