import { hasPermission, type Principal } from "../../http/principal.ts";
import type { AnyRequest } from "../../http/request.ts";
import { isRejection, platformErrors } from "../../platform/errors.ts";
import type { Authenticate, LoadRoles } from "../index.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { RevokeActor, RevokeOptions } from "../revocation/tokens.ts";
import { revokeToken } from "../revocation/tokens.ts";
import { callerOf } from "../routes-replies.ts";
import type { EndSessions } from "../session/end.ts";
import { isAuthentic, parseRefreshToken } from "../session/refresh-token.ts";
import { findRefreshProof } from "../session/store-refresh.ts";
import { oauthError, type OAuthError } from "./oauth-error.ts";
import { scopedPermissions } from "./scope.ts";
import { findGrant, revokeGrant } from "./store-grants.ts";
import type { Client } from "./store.ts";

export interface ShownTokenOptions extends RevokeOptions {
  readonly authenticate: Authenticate;
  readonly loadRoles: LoadRoles;
  readonly endSessions: EndSessions;
  readonly keyRing: Pick<KeyRing, "refreshKey">;
}

/** RFC 7009 §2.2: the same answer for a token that is taken back and for one that is none. */
const DONE = Object.freeze({});

/**
 * Takes back a token that a client shows: an access token for itself, a refresh token with its
 * session. A client may do that with its own tokens, and with those of its tenant when its roles and
 * its scopes have `manage_users` in context iam. Throws `unavailable` when nobody can say whose it is.
 */
export async function revokeShownToken(
  options: ShownTokenOptions,
  client: Client,
  text: string,
  request: AnyRequest,
): Promise<object | OAuthError> {
  const by = { tenantId: client.tenantId, actor: client.id, caller: callerOf(request) };
  const refreshed = parseRefreshToken(text);
  if (refreshed !== undefined) {
    const key = options.keyRing.refreshKey(refreshed.kid);
    const grant = key && (await findGrant(options.database, refreshed.sessionId, client));
    if (grant !== undefined) {
      if (isAuthentic(refreshed, grant.refreshSecret, key!)) {
        await revokeGrant(options.database, refreshed.sessionId);
      }
      return DONE;
    }
    const proof = key && (await findRefreshProof(options.database, refreshed.sessionId));
    if (proof === undefined || !isAuthentic(refreshed, proof.refreshSecret, key!)) return DONE;
    if (proof.tenantId !== client.tenantId) return DONE;
    if (!(await managesUsers(options, client))) return oauthError("unauthorized_client");
    await options.endSessions({
      choice: { accountId: proof.accountId, sessionId: refreshed.sessionId },
      tenantId: client.tenantId,
      actor: client.id,
      action: "session.end",
      reason: "admin",
      caller: by.caller,
    });
    return DONE;
  }
  return revokeAccessToken(options, client, text, by);
}

async function revokeAccessToken(
  options: ShownTokenOptions,
  client: Client,
  text: string,
  by: RevokeActor,
): Promise<object | OAuthError> {
  const principal = await options.authenticate(text, "");
  if (isRejection(principal)) {
    if (principal.status < 500 && principal.status !== 429) return DONE;
    throw platformErrors.failure("unavailable", { note: principal.code });
  }
  // Another tenant's token is told like one that is none.
  if (principal.tenantId !== client.tenantId) return DONE;
  // An API key and whatever else has no id of its own is ended where it was made.
  if (principal.tokenId === undefined || principal.kind === "api_key") {
    return oauthError("unsupported_token_type");
  }
  if (!isOwn(principal, client) && !(await managesUsers(options, client))) {
    return oauthError("unauthorized_client");
  }
  const token = { tokenId: principal.tokenId, expiresAt: principal.expiresAt };
  await revokeToken(options, token, "client", by);
  return DONE;
}

const isOwn = (principal: Principal, { id }: Client) =>
  principal.kind === "machine" && principal.subject === id;

/** As a token with all scopes of the client would. */
async function managesUsers(
  { loadRoles, ownIssuer: issuer }: ShownTokenOptions,
  { id: subject, scopes }: Client,
): Promise<boolean> {
  const grants = await loadRoles({ issuer, subject });
  if (grants === undefined) return false;
  const permissions = scopedPermissions(grants.permissions, scopes.join(" "));
  return hasPermission({ permissions } as Principal, "iam", "manage_users");
}
