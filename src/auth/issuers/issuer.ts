import type { Claims, ClaimRules } from "../token/claims.ts";
import type { VerificationKey } from "../token/verify.ts";

/** Somebody whose tokens we accept, and by which rules. */
export interface Issuer {
  /** Exact text of `iss`. */
  readonly issuer: string;
  /** Names the rules in cache keys: a verdict under other rules is another verdict. */
  readonly ruleSetId: string;
  readonly rules: ClaimRules;
  /** How long a cached principal counts without news of the log, milliseconds. */
  readonly staleMs: number;
  /**
   * The key of that name, if it is bound to `alg` by our configuration. Undefined: the token is
   * refused; no token makes us ask anybody for a key here.
   */
  keyFor(kid: string, alg: string): VerificationKey | undefined;
  /** The tenant of a caller with these claims. */
  tenantOf(claims: Claims): string | undefined;
}
