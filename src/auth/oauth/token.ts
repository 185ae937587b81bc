import { issueClientToken, type TokenAnswer } from "./client-token.ts";
import { oauthError, type OAuthError } from "./oauth-error.ts";
import type { Parameters } from "./parameters.ts";
import { openGrant, type RefreshGrantOptions } from "./refresh.ts";
import { readScope } from "./scope.ts";
import type { Client } from "./store.ts";

/**
 * The grant `client_credentials`: an access token for the client itself. Its scope is what was
 * asked for, else all that the client may have; roles decide beside it at each use. A refresh token
 * only where the client was registered for it (RFC 6749 §4.4.3): it has its secret.
 */
export async function grantClientCredentials(
  options: RefreshGrantOptions,
  client: Client,
  { scope: asked, resource, audience = resource }: Parameters,
): Promise<TokenAnswer | OAuthError> {
  const words = asked === undefined ? client.scopes : readScope(asked);
  if (words === undefined || !words.every((word) => client.scopes.includes(word))) {
    return oauthError("invalid_scope");
  }
  const { jwtAudience } = options.config;
  const aud = audience ?? jwtAudience;
  if (aud !== jwtAudience && !client.audiences.includes(aud)) {
    return oauthError("invalid_target");
  }
  const scope = words.join(" ");
  const answer = await issueClientToken(options, client, scope, aud);
  if (!client.refreshTokens) return answer;
  return { ...answer, refresh_token: await openGrant(options, client, { scope, audience: aud }) };
}
