import type { AuthZTokenClaims } from "./claims.ts";
import { AuthenticationError } from "./failures.ts";
import type { AuthZProvider } from "./provider.ts";

/**
 * What somebody wants to know beside: it refuses by throwing, and answers claims that it adds, or
 * nothing. The token was verified before.
 */
export type ClaimsCheck<C extends AuthZTokenClaims, Extra extends object | void> = (
  claims: C,
) => Extra | Promise<Extra>;

/**
 * A provider that verifies as the given one does, and then asks `check`. Claims of the token itself
 * cannot be replaced.
 */
export function withChecks<C extends AuthZTokenClaims, Extra extends Record<string, unknown>>(
  provider: AuthZProvider<C>,
  check: ClaimsCheck<C, Extra>,
): AuthZProvider<C & Readonly<Extra>>;
export function withChecks<C extends AuthZTokenClaims>(
  provider: AuthZProvider<C>,
  check: ClaimsCheck<C, void>,
): AuthZProvider<C>;
export function withChecks<C extends AuthZTokenClaims>(
  provider: AuthZProvider<C>,
  check: ClaimsCheck<C, Record<string, unknown> | void>,
): AuthZProvider<C> {
  return {
    async verify(token) {
      const claims = await provider.verify(token);
      const extra = await check(claims);
      return extra === undefined ? claims : claims.with(extra);
    },
  };
}

/** A check that lets in only members of one of these groups. */
export function needsGroup(...groups: readonly string[]): ClaimsCheck<AuthZTokenClaims, void> {
  return (claims) => {
    if (!groups.some((group) => claims.groups.includes(group))) {
      throw new AuthenticationError("The caller is in none of the groups that may do this");
    }
  };
}
