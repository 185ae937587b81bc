import type { Principal } from "../../http/principal.ts";
import type { LiveSession, RoleGrants } from "../index.ts";
import type { Claims } from "../token/claims.ts";

export interface PrincipalSources {
  readonly claims: Claims;
  readonly tenantId: string;
  /** Undefined for a foreign issuer. */
  readonly session: LiveSession | undefined;
  readonly grants: RoleGrants;
}

/** Who is calling, deeply frozen: many requests share it. */
export function toPrincipal({ claims, tenantId, session, grants }: PrincipalSources): Principal {
  return Object.freeze({
    kind: "user",
    issuer: claims.issuer,
    subject: claims.subject,
    userId: grants.userId,
    accountId: session?.accountId,
    tenantId,
    sessionId: claims.sessionId,
    tokenId: claims.tokenId,
    clientId: claims.clientId,
    email: session?.email,
    username: session?.username,
    name: session?.name,
    emailVerified: session?.emailVerified ?? false,
    hasFactor: session?.hasFactor ?? false,
    amr: Object.freeze([...claims.amr]),
    authTime: claims.authTime,
    expiresAt: claims.expiresAt,
    scope: claims.scope,
    apiKey: undefined,
    roles: frozenLists(grants.roles),
    permissions: frozenLists(grants.permissions),
  });
}

type Lists = RoleGrants["roles"];

function frozenLists(lists: Lists): Lists {
  for (const list of Object.values(lists)) Object.freeze(list);
  return Object.freeze(lists);
}
