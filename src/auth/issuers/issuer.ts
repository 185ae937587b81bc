import type { RoleName } from "../index.ts";
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
   * refused, unless it is foreign and the key may have come up since its set was loaded.
   */
  keyFor(kid: string, alg: string): VerificationKey | undefined;
  /** The tenant of a caller with these claims. */
  tenantOf(claims: Claims): string | undefined;
  /** Undefined for ourselves. */
  readonly foreign?: ForeignIssuer | undefined;
}

/** What only somebody else's tokens need. */
export interface ForeignIssuer {
  /** False while no key set of the issuer counts: nobody can say then whether a token is good. */
  hasKeys(): boolean;
  /**
   * Has the key set looked at again for a key that is not in it. Resolves when `keyFor` may answer;
   * undefined: the key is known not to be there.
   */
  wantKey(kid: string): Promise<void> | undefined;
  readonly provision: "deny" | "create";
  /** Roles that the groups of these claims stand for by our settings. */
  rolesOf(claims: Claims): readonly RoleName[];
}
