import { CONTEXTS, type Principal } from "../../http/principal.ts";
import type { RoleGrants } from "../index.ts";
import type { Claims } from "../token/claims.ts";
import type { KeyPermissions } from "./store.ts";
import type { LiveKey } from "./store-live.ts";

/** The part of a key's text that can be cached: none of it can change while the key lives. */
export function claimsOf(issuer: string, key: LiveKey, expiresAt: number): Claims {
  return {
    issuer,
    subject: key.accountId,
    audiences: [],
    expiresAt,
    issuedAt: key.createdAt,
    tokenId: undefined,
    clientId: undefined,
    sessionId: undefined,
    tenantId: key.tenantId,
    deviceId: undefined,
    amr: [],
    // Nobody authenticated: a key is never fresh enough for what asks for a fresh login.
    authTime: 0,
    scope: key.scope,
    actor: undefined,
  };
}

/**
 * Who is calling with a key: its owner, by permissions that both the key names and the owner holds
 * now. A key has no roles; what a role permits may be more than the key was given.
 */
export function toKeyPrincipal(claims: Claims, key: LiveKey, grants: RoleGrants): Principal {
  return Object.freeze({
    kind: "api_key",
    issuer: claims.issuer,
    subject: claims.subject,
    userId: grants.userId,
    accountId: key.accountId,
    tenantId: key.tenantId,
    sessionId: undefined,
    tokenId: undefined,
    clientId: undefined,
    email: key.email,
    username: key.username,
    name: key.name,
    emailVerified: key.emailVerified,
    hasFactor: false,
    amr: Object.freeze([]),
    authTime: 0,
    expiresAt: claims.expiresAt,
    scope: key.scope,
    actor: undefined,
    apiKey: Object.freeze(key.terms),
    roles: Object.freeze({}),
    permissions: permittedOf(key.permissions, grants.permissions),
  });
}

/** The permissions that are in both, by context. */
export function permittedOf(
  named: KeyPermissions,
  held: Principal["permissions"],
): Principal["permissions"] {
  const permitted: Record<string, readonly string[]> = {};
  for (const context of CONTEXTS) {
    const both = (named[context] ?? []).filter((name) => held[context]?.includes(name) === true);
    if (both.length > 0) permitted[context] = Object.freeze(both);
  }
  return Object.freeze(permitted);
}
