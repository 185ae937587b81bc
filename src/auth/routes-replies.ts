import type { AnyRequest } from "../http/request.ts";
import type { Principal } from "../http/principal.ts";
import { authErrors } from "./errors.ts";
import type { Account } from "./accounts/store.ts";
import { countryOfCaller } from "./locate-callers.ts";
import type { Grant } from "./session/enter.ts";
import { trustOf } from "./session/changes.ts";
import type { Caller } from "./session/open.ts";
import { riskMarkOf } from "./session/session-risk.ts";
import type { Session } from "./session/store.ts";

/** Answers that hold tokens or somebody's own affairs stay out of every cache. */
export const NO_STORE = Object.freeze({ "cache-control": "no-store" });

/** `user` of the answers. */
export function toUser(account: Account) {
  return {
    id: account.id,
    email: account.email,
    username: account.username ?? null,
    name: account.name ?? null,
    email_verified: account.emailVerified,
    created_at: account.createdAt.toISOString(),
    last_login: account.lastLogin?.toISOString() ?? null,
  };
}

/** `session` of the answers. */
export function toSessionView(session: Session) {
  return {
    id: session.id,
    created_at: session.createdAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    device: session.device ?? null,
    network: session.network ?? null,
    country: session.country ?? null,
  };
}

/** One of a list of sessions. `current` is the one that the caller asks with. */
export function toSessionEntry(session: Session, current: string | undefined) {
  return {
    ...toSessionView(session),
    last_seen_at: session.seenAt.toISOString(),
    last_network: session.seen.network ?? null,
    last_country: session.seen.country ?? null,
    device_bound: session.deviceDigest !== undefined,
    flags: session.flags,
    risk: riskMarkOf(session),
    trust: trustOf(session.flags, session.deviceDigest !== undefined),
    current: session.id === current,
  };
}

/** What register, login and refresh answer. */
export function toGrantBody({ account, session, tokens }: Grant) {
  return {
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    token_type: "Bearer",
    expires_in: tokens.expiresIn,
    refresh_expires_in: tokens.refreshExpiresIn,
    user: toUser(account),
    session: toSessionView(session),
  };
}

export function callerOf(request: AnyRequest): Caller {
  const { address, userAgent, id: requestId } = request;
  return { address, userAgent, requestId, country: countryOfCaller(request) };
}

/** The account behind a caller; who signs in elsewhere has none here. Throws `permission_denied`. */
export function ownAccountId(principal: Principal): string {
  if (principal.accountId !== undefined) return principal.accountId;
  throw authErrors.failure("permission_denied", { detail: "The caller has no account here" });
}
