import { hasPermission, type Principal } from "../../http/principal.ts";
import type { AnyRequest } from "../../http/request.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { RevokeActor, RevokeOptions } from "../revocation/tokens.ts";
import { revokeToken } from "../revocation/tokens.ts";
import { callerOf } from "../routes-replies.ts";
import type { EndSessions } from "../session/end.ts";
import { isAuthentic, parseRefreshToken } from "../session/refresh-token.ts";
import { findRefreshProof } from "../session/store-refresh.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { oauthError, tooMany, type OAuthError } from "./oauth-error.ts";
import { scopedPermissions } from "./scope.ts";
import { readShownToken, type ShownToken, type ShownTokenSources } from "./shown-token.ts";
import { findGrant, revokeGrant } from "./store-grants.ts";
import type { Client } from "./store.ts";

export interface RevocationOptions extends ShownTokenSources, RevokeOptions {
  readonly database: RevokeOptions["database"];
  readonly endSessions: EndSessions;
  readonly throttle: Pick<Throttle, "tryTake">;
  readonly keyRing: ShownTokenSources["keyRing"] & Pick<KeyRing, "refreshKey">;
}

/** RFC 7009 §2.2: the same answer for a token that is taken back and for one that is none. */
const DONE = Object.freeze({});

/**
 * Takes back a token that a client shows: an access token for itself, a refresh token with its
 * session. A client may do that with its own tokens, and with those of its tenant when its roles and
 * its scopes have `manage_users` in context iam. Each wakes every process, so a client has a budget
 * of them. Throws `unavailable` when nobody can say whose it is.
 */
export async function revokeShownToken(
  options: RevocationOptions,
  client: Client,
  text: string,
  request: AnyRequest,
): Promise<object | OAuthError> {
  const by = { tenantId: client.tenantId, actor: client.id, caller: callerOf(request) };
  const refreshed = parseRefreshToken(text);
  if (refreshed === undefined) return revokeAccessToken(options, client, text, by);
  const key = options.keyRing.refreshKey(refreshed.kid);
  const { sessionId } = refreshed;
  const grant = key && (await findGrant(options.database, sessionId, client));
  if (grant !== undefined) {
    if (!isAuthentic(refreshed, grant.refreshSecret, key!)) return DONE;
    return (await outOfBudget(options, client)) ?? endOwnGrant(options, client, sessionId, by);
  }
  const proof = key && (await findRefreshProof(options.database, sessionId));
  if (proof === undefined || !isAuthentic(refreshed, proof.refreshSecret, key!)) return DONE;
  if (proof.tenantId !== client.tenantId) return DONE;
  if (!(await managesUsers(options, client))) return oauthError("unauthorized_client");
  const refused = await outOfBudget(options, client);
  if (refused !== undefined) return refused;
  await options.endSessions({
    choice: { accountId: proof.accountId, sessionId },
    tenantId: client.tenantId,
    actor: client.id,
    action: "session.end",
    reason: "admin",
    caller: by.caller,
  });
  return DONE;
}

async function endOwnGrant(
  { database }: RevocationOptions,
  { id, tenantId }: Client,
  grantId: string,
  { caller }: RevokeActor,
): Promise<object> {
  await database.withTransaction(async (tx) => {
    if (!(await revokeGrant(tx, grantId))) return;
    const place = caller && placeOf(caller);
    const reason = `grant ${grantId}`;
    const event = { action: "token.revoke", actor: id, subject: id, tenantId, reason } as const;
    await recordEvent(tx, { ...event, ...place });
  });
  return DONE;
}

async function revokeAccessToken(
  options: RevocationOptions,
  client: Client,
  text: string,
  by: RevokeActor,
): Promise<object | OAuthError> {
  const shown = await readShownToken(options, text);
  // Another tenant's token is told like one that is none.
  if (shown === undefined || shown.tenantId !== client.tenantId) return DONE;
  // An API key and whatever else has no id of its own is ended where it was made.
  if (shown.tokenId === undefined || shown.kind === "api_key") {
    return oauthError("unsupported_token_type");
  }
  if (!isOwn(shown, client) && !(await managesUsers(options, client))) {
    return oauthError("unauthorized_client");
  }
  const refused = await outOfBudget(options, client);
  if (refused !== undefined) return refused;
  const token = { tokenId: shown.tokenId, expiresAt: shown.expiresAt };
  await revokeToken(options, token, "client", by);
  return DONE;
}

/** Takes a unit; the refusal when there is none. */
async function outOfBudget(
  { throttle }: RevocationOptions,
  { id }: Client,
): Promise<OAuthError | undefined> {
  const refused = await throttle.tryTake("revokeClient", id);
  return refused && tooMany(refused.retryAfterSeconds);
}

const isOwn = (shown: ShownToken, { id }: Client) =>
  shown.kind === "machine" && shown.subject === id;

/** As a token with all scopes of the client would. */
async function managesUsers(
  { loadRoles, ownIssuer: issuer }: RevocationOptions,
  { id: subject, scopes }: Client,
): Promise<boolean> {
  const grants = await loadRoles({ issuer, subject });
  if (grants === undefined) return false;
  const permissions = scopedPermissions(grants.permissions, scopes.join(" "));
  return hasPermission({ permissions } as Principal, "iam", "manage_users");
}
