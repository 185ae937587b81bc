import { bearerToken } from "../../http/bearer.ts";
import type { AuthZTokenClaims } from "./claims.ts";
import { AuthenticationError } from "./failures.ts";
import type { AuthZProvider } from "./provider.ts";

/** What a server answers to a request that is not let in. Its text never says why. */
export interface AuthenticationAnswer {
  readonly status: 401 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly detail: string };
}

/**
 * Who sent a request, by its `Authorization` field. Throws `AuthenticationError`; its cause is the
 * provider's own, for the log, and `toAuthenticationAnswer` makes the answer of it.
 */
export async function verifyAuthorizationHeader<C extends AuthZTokenClaims>(
  provider: AuthZProvider<C>,
  header: string | undefined,
): Promise<C> {
  const token = bearerToken(header);
  if (token === undefined || token === "") {
    throw new AuthenticationError("Invalid token", { reason: "no bearer token" });
  }
  try {
    return await provider.verify(token);
  } catch (error) {
    if (!(error instanceof AuthenticationError) || error.status !== 401) throw error;
    const { code, reason } = error;
    throw new AuthenticationError("Invalid token", { code, reason, cause: error });
  }
}

/**
 * The answer to a failure of `verifyAuthorizationHeader`: 401 with a challenge (RFC 6750 §3), or
 * 503 when the issuer could not be asked. Undefined: another error, which is nobody's fault but ours.
 */
export function toAuthenticationAnswer(error: unknown): AuthenticationAnswer | undefined {
  if (!(error instanceof AuthenticationError)) return undefined;
  if (error.status === 503) {
    const seconds = String(Math.max(1, error.retryAfterSeconds ?? 1));
    return { status: 503, headers: { "retry-after": seconds }, body: { detail: "Try again" } };
  }
  const challenge = 'Bearer error="invalid_token"';
  return {
    status: 401,
    headers: { "www-authenticate": challenge },
    body: { detail: "Invalid token" },
  };
}
