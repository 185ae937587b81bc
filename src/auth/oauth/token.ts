import type { Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import { newId } from "../../platform/ids.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { issueAccessToken } from "../token/issue.ts";
import { oauthError, type OAuthError } from "./oauth-error.ts";
import type { Parameters } from "./parameters.ts";
import { readScope } from "./scope.ts";
import type { Client } from "./store.ts";

export interface GrantOptions {
  readonly keyRing: Pick<KeyRing, "signingKey">;
  readonly config: Pick<Config, "publicUrl" | "jwtAudience" | "accessTokenSeconds">;
  readonly clock: Clock;
}

/** RFC 6749 §5.1. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly scope: string;
}

/**
 * The grant `client_credentials`: an access token for the client itself. Its scope is what was
 * asked for, else all that the client may have; roles decide beside it at each use. No refresh
 * token (RFC 6749 §4.4.3): the client has its secret.
 */
export async function grantClientCredentials(
  { keyRing, config, clock }: GrantOptions,
  client: Client,
  { scope: asked, resource, audience = resource }: Parameters,
): Promise<TokenAnswer | OAuthError> {
  const words = asked === undefined ? client.scopes : readScope(asked);
  if (words === undefined || !words.every((word) => client.scopes.includes(word))) {
    return oauthError("invalid_scope");
  }
  const aud = audience ?? config.jwtAudience;
  if (aud !== config.jwtAudience && !client.audiences.includes(aud)) {
    return oauthError("invalid_target");
  }
  const scope = words.join(" ");
  const issuedAt = clock.nowSeconds();
  const token = await issueAccessToken(keyRing.signingKey(), {
    iss: config.publicUrl,
    sub: client.id,
    aud,
    iat: issuedAt,
    exp: issuedAt + config.accessTokenSeconds,
    jti: newId(clock),
    sid: client.sessionId,
    tid: client.tenantId,
    client_id: client.id,
    amr: [],
    auth_time: issuedAt,
    ...(scope === "" ? {} : { scope }),
  });
  return {
    access_token: token,
    token_type: "Bearer",
    expires_in: config.accessTokenSeconds,
    scope,
  };
}
