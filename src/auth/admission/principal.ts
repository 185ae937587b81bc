import type { Principal } from "../../http/principal.ts";
import { scopedPermissions } from "../oauth/scope.ts";
import type { LiveMachine, LiveSession, RoleGrants } from "../index.ts";
import type { Claims } from "../token/claims.ts";

export interface PrincipalSources {
  readonly claims: Claims;
  readonly tenantId: string;
  /** Undefined for a foreign issuer, and for a machine. */
  readonly session: LiveSession | undefined;
  readonly machine: LiveMachine | undefined;
  readonly grants: RoleGrants;
}

/** Who is calling, deeply frozen: many requests share it. */
export function toPrincipal({
  claims,
  tenantId,
  session,
  machine,
  grants,
}: PrincipalSources): Principal {
  return Object.freeze({
    kind: machine === undefined ? "user" : "machine",
    issuer: claims.issuer,
    subject: claims.subject,
    userId: grants.userId,
    accountId: session?.accountId,
    tenantId,
    sessionId: machine === undefined ? claims.sessionId : undefined,
    tokenId: claims.tokenId,
    clientId: claims.clientId,
    email: session?.email,
    username: session?.username,
    name: session?.name ?? machine?.name,
    emailVerified: session?.emailVerified ?? false,
    hasFactor: session?.hasFactor ?? false,
    amr: Object.freeze([...claims.amr]),
    authTime: claims.authTime,
    expiresAt: claims.expiresAt,
    scope: claims.scope,
    actor: claims.actor,
    apiKey: undefined,
    roles: frozenLists(grants.roles),
    permissions: frozenLists(
      // A machine may do what its roles and its token's scope allow.
      machine === undefined
        ? grants.permissions
        : scopedPermissions(grants.permissions, claims.scope),
    ),
  });
}

type Lists = RoleGrants["roles"];

function frozenLists(lists: Lists): Lists {
  for (const list of Object.values(lists)) Object.freeze(list);
  return Object.freeze(lists);
}
