import type { VerificationKey } from "../token/verify.ts";

/**
 * The keys of foreign issuers as one thread knows them. Whoever loads them is somewhere else: no
 * request waits for a network, except the first ones that name a key that is not here yet.
 */
export interface ForeignKeys {
  /** The key of that name if it is bound to `alg`; from memory. */
  find(issuer: string, kid: string, alg: string): VerificationKey | undefined;
  /** False while no set of the issuer counts: none was ever loaded, or the last one is too old. */
  isUsable(issuer: string): boolean;
  /**
   * Asks for a key that is not here. Resolves when `find` may answer otherwise, or when it will not;
   * undefined: it is known not to be there, and nobody is asked again yet.
   */
  want(issuer: string, kid: string): Promise<void> | undefined;
}
