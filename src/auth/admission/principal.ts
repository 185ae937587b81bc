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
    kind: machine !== undefined || isForeignMachine(claims, session) ? "machine" : "user",
    issuer: claims.issuer,
    subject: claims.subject,
    userId: grants.userId,
    accountId: session?.accountId,
    tenantId,
    // Of sessions that we hold: what another issuer calls one is no session of ours.
    sessionId: session?.sessionId,
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
    groups: claims.groups && Object.freeze(claims.groups),
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

/** RFC 9068 §2.2, and what Cognito does: who got a token for itself is its subject. */
function isForeignMachine(claims: Claims, session: LiveSession | undefined): boolean {
  return session === undefined && claims.subject === claims.clientId;
}

type Lists = RoleGrants["roles"];

function frozenLists(lists: Lists): Lists {
  for (const list of Object.values(lists)) Object.freeze(list);
  return Object.freeze(lists);
}
