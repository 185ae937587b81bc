import type { VerificationKey } from "../token/verify.ts";

/**
 * Private keys that everybody has, because a package for development carries them: cognito-local
 * signs with one under this name. What they sign says nothing about who wrote it.
 */
const KIDS = new Set(["CognitoLocal"]);

/** Beginnings of their moduli, for whoever gives the key another name. */
const MODULI = ["2uLO7yh1_6Icfd89V3nNTc_qhfpDN7vEmOYlmJQlc9_RmOns26lg88fXXFntZESwHOm7_homO2Ih6NOt"];

/**
 * True if anybody could have signed with it. Such a key counts for an issuer in clear text alone,
 * which production does not have.
 */
export function isShipped({ kid, jwk }: Pick<VerificationKey, "kid" | "jwk">): boolean {
  return KIDS.has(kid) || MODULI.some((modulus) => jwk?.n?.startsWith(modulus) === true);
}
