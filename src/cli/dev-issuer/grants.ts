import { randomUUID } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { randomToken } from "../../platform/ids.ts";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { digestOf } from "./secrets.ts";
import { notAuthorized } from "./service-error.ts";
import type { User } from "./users.ts";

/** One sign-in: a refresh token and all tokens that came of it, named by `origin_jti`. */
export interface Grant {
  readonly originJti: string;
  readonly eventId: string;
  readonly clientId: string;
  readonly user: User;
  readonly authTimeSeconds: number;
  readonly expiresAtSeconds: number;
  isRevoked: boolean;
}

export type Grants = ReturnType<typeof createGrants>;

/** The sign-ins of one pool. Refresh tokens are kept as digests. */
export function createGrants({ clock, refreshSeconds }: { clock: Clock; refreshSeconds: number }) {
  const byToken = new Map<string, Grant>();
  const byOrigin = new Map<string, Grant>();
  const keyOf = (refreshToken: string) => digestOf(refreshToken).toString("base64url");

  function open(user: User, clientId: string): { grant: Grant; refreshToken: string } {
    const nowSeconds = clock.nowSeconds();
    const grant: Grant = {
      originJti: randomUUID(),
      eventId: randomUUID(),
      clientId,
      user,
      authTimeSeconds: nowSeconds,
      expiresAtSeconds: nowSeconds + refreshSeconds,
      isRevoked: false,
    };
    const refreshToken = randomToken(48);
    byToken.set(keyOf(refreshToken), grant);
    byOrigin.set(grant.originJti, grant);
    if (byToken.size > limits.grantsMaxCount) forgetOldest();
    return { grant, refreshToken };
  }

  function forgetOldest(): void {
    const [key, grant] = byToken.entries().next().value!;
    byToken.delete(key);
    byOrigin.delete(grant.originJti);
  }

  /** The grant of a refresh token; `clientId` must be the one it was given to. */
  function useRefreshToken(refreshToken: string, clientId: string): Grant {
    const grant = byToken.get(keyOf(refreshToken));
    if (grant === undefined || grant.clientId !== clientId) {
      throw notAuthorized("Invalid Refresh Token");
    }
    if (grant.isRevoked) throw notAuthorized("Refresh Token has been revoked");
    if (grant.expiresAtSeconds <= clock.nowSeconds()) {
      throw notAuthorized("Refresh Token has expired");
    }
    if (!grant.user.enabled) throw notAuthorized("User is disabled.");
    return grant;
  }

  return {
    open,
    useRefreshToken,
    find: (refreshToken: string) => byToken.get(keyOf(refreshToken)),
    /** True where the sign-in of a token was ended, or is not known any more. */
    isEnded: (originJti: unknown) => byOrigin.get(String(originJti))?.isRevoked ?? true,
    /** Ends the sign-ins of one user, or everybody's. */
    revoke(user?: User): number {
      const ended = [...byToken.values()].filter(
        (grant) => !grant.isRevoked && (user === undefined || grant.user === user),
      );
      for (const grant of ended) grant.isRevoked = true;
      return ended.length;
    },
  };
}
