import { randomBytes } from "node:crypto";
import type { Config } from "../../platform/config.ts";
import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { sessionLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { recordEvent } from "../audit/store.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { isAuthentic, makeRefreshToken, parseRefreshToken } from "../session/refresh-token.ts";
import { issueClientToken, type GrantOptions, type TokenAnswer } from "./client-token.ts";
import { oauthError, type OAuthError } from "./oauth-error.ts";
import type { Parameters } from "./parameters.ts";
import { readScope } from "./scope.ts";
import { endGrant, findGrant, insertGrant, rotateGrant } from "./store-grants.ts";
import type { Client } from "./store.ts";

export interface RefreshGrantOptions extends GrantOptions {
  readonly database: Pick<Database, "read" | "query">;
  readonly keyRing: GrantOptions["keyRing"] & Pick<KeyRing, "refreshKey">;
  readonly config: GrantOptions["config"] &
    Pick<Config, "refreshTokenSeconds" | "sessionAbsoluteSeconds">;
}

/** The first refresh token of a new grant. */
export async function openGrant(
  { database, keyRing, config, clock }: RefreshGrantOptions,
  client: Client,
  { scope, audience }: { readonly scope: string; readonly audience: string },
): Promise<string> {
  const key = keyRing.refreshKey();
  const id = newId(clock);
  const refreshSecret = randomBytes(sessionLimits.refreshSecretBytes);
  await insertGrant(database, {
    ...{ id, client, scope, audience, refreshSecret, refreshKid: key.kid },
    idleSeconds: config.refreshTokenSeconds,
    absoluteSeconds: config.sessionAbsoluteSeconds,
  });
  return makeRefreshToken(id, 0, refreshSecret, key);
}

/**
 * The grant `refresh_token` (RFC 6749 §6): bound to the client it was issued to, rotated at each
 * use by the rules of a session's tokens. A use of an older one ends the grant.
 */
export async function grantRefreshToken(
  options: RefreshGrantOptions,
  client: Client,
  { refresh_token: text, scope: asked }: Parameters,
): Promise<TokenAnswer | OAuthError> {
  const { database, keyRing } = options;
  if (text === undefined) return oauthError("invalid_request");
  const token = parseRefreshToken(text);
  const key = token && keyRing.refreshKey(token.kid);
  const proof = token && key && (await findGrant(database, token.sessionId, client));
  if (proof === undefined || !isAuthentic(token!, proof.refreshSecret, key!)) {
    return oauthError("invalid_grant");
  }
  const granted = proof.scope.split(" ");
  const words = asked === undefined ? granted : readScope(asked);
  if (words === undefined || !words.every((word) => granted.includes(word))) {
    return oauthError("invalid_scope");
  }
  const { sessionId: grantId, counter } = token!;
  const refreshKid = keyRing.refreshKey().kid;
  const rotated = await rotateGrant(database, grantId, client, { counter, refreshKid });
  if (rotated === undefined) {
    if (await endGrant(database, grantId, counter)) {
      const { id: subject, tenantId } = client;
      const reason = `counter ${counter} of a client`;
      await recordEvent(database, { action: "refresh.reuse", subject, tenantId, reason });
    }
    return oauthError("invalid_grant");
  }
  const successor = keyRing.refreshKey(rotated.refreshKid);
  // Another process rotated with a key that we have not loaded yet: the token is good later.
  if (successor === undefined) throw platformErrors.failure("unavailable", { note: "key" });
  return {
    ...(await issueClientToken(options, client, words.join(" "), proof.audience)),
    refresh_token: makeRefreshToken(grantId, rotated.counter, proof.refreshSecret, successor),
  };
}
