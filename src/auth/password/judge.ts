import type { Config } from "../../platform/config.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { PolicyOf } from "../tenants/policies.ts";
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
  /** Throws `validation_failed` naming every requirement that is not met. */
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
      if (unmet.length === 0) return;
      const path = candidate.path ?? "/body/password";
      const errors = unmet.map((fault) => ({ path, ...fault }));
      throw platformErrors.failure("validation_failed", { errors });
    },
  });
}

/** What everybody who is here knows: the product's name, and the labels of the host name. */
function serviceWordsOf(publicUrl: string): readonly string[] {
  const { hostname } = new URL(publicUrl);
  return Object.freeze(["brigade", hostname, ...hostname.split(".")]);
}
