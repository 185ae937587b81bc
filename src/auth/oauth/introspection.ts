import type { KeyRing } from "../keys/key-ring.ts";
import { parseToken } from "../token/parse.ts";
import { isAuthentic, parseRefreshToken } from "../session/refresh-token.ts";
import { findRefreshProof } from "../session/store-refresh.ts";
import { readShownToken, type ShownTokenSources } from "./shown-token.ts";
import { findGrant } from "./store-grants.ts";
import type { Client } from "./store.ts";

export interface IntrospectionOptions extends ShownTokenSources {
  readonly keyRing: ShownTokenSources["keyRing"] & Pick<KeyRing, "refreshKey">;
  readonly ownIssuer: string;
}

/** RFC 7662 §2.2. Of a token that is not good nothing is said but that. */
export type TokenIntrospection = Readonly<Record<string, unknown>> & { readonly active: boolean };

/** Exactly this, whatever is wrong: expired, revoked, unknown, or another tenant's. */
export const INACTIVE: TokenIntrospection = Object.freeze({ active: false });

/**
 * What a client is told of a token. Only of tokens of its own tenant: another one's are inactive.
 * Throws `unavailable` when nobody can say.
 */
export async function introspectToken(
  options: IntrospectionOptions,
  client: Client,
  token: string,
): Promise<TokenIntrospection> {
  return (
    (await introspectRefreshToken(options, client, token)) ??
    introspectAccess(options, client, token)
  );
}

async function introspectAccess(
  options: IntrospectionOptions,
  { tenantId }: Client,
  token: string,
): Promise<TokenIntrospection> {
  const shown = await readShownToken(options, token);
  if (shown === undefined || shown.tenantId !== tenantId) return INACTIVE;
  const parsed = parseToken(token);
  const claims = "payload" in parsed ? (parsed.payload as Record<string, unknown>) : {};
  const said = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "sid",
    "tid",
    "scope",
    "auth_time",
  ];
  return {
    active: true,
    token_type: "Bearer",
    ...Object.fromEntries(
      said.filter((name) => name in claims).map((name) => [name, claims[name]]),
    ),
    client_id: shown.clientId ?? null,
    username: shown.username ?? null,
    kind: shown.kind,
  };
}

/** Undefined: not of the form of a refresh token. */
async function introspectRefreshToken(
  { database, keyRing, ownIssuer }: IntrospectionOptions,
  client: Client,
  text: string,
): Promise<TokenIntrospection | undefined> {
  const { tenantId } = client;
  const token = parseRefreshToken(text);
  if (token === undefined) return undefined;
  const key = keyRing.refreshKey(token.kid);
  if (key === undefined) return INACTIVE;
  const grant = await findGrant(database, token.sessionId, client);
  if (grant !== undefined) {
    const isPresent = grant.counter === token.counter;
    if (!isPresent || !isAuthentic(token, grant.refreshSecret, key)) return INACTIVE;
    return {
      active: true,
      token_type: "refresh_token",
      iss: ownIssuer,
      sub: client.id,
      client_id: client.id,
      scope: grant.scope,
      tid: client.tenantId,
      exp: Math.floor(grant.expiresAt.getTime() / 1000),
    };
  }
  const found = await findRefreshProof(database, token.sessionId);
  // The present one of a live session: one that was used already is not good any more.
  if (found === undefined || found.counter !== token.counter) return INACTIVE;
  if (found.tenantId !== tenantId || !isAuthentic(token, found.refreshSecret, key)) return INACTIVE;
  return {
    active: true,
    token_type: "refresh_token",
    iss: ownIssuer,
    sub: found.accountId,
    sid: token.sessionId,
    tid: tenantId,
    exp: Math.floor(found.expiresAt.getTime() / 1000),
  };
}
