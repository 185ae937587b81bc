import { randomBytes } from "node:crypto";
import type { Config } from "../../platform/config.ts";
import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { sessionLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { Caller } from "../session/open.ts";
import { isAuthentic, makeRefreshToken, parseRefreshToken } from "../session/refresh-token.ts";
import { issueClientToken, type GrantOptions, type TokenAnswer } from "./client-token.ts";
import { oauthError, type OAuthError } from "./oauth-error.ts";
import type { Parameters } from "./parameters.ts";
import { readScope } from "./scope.ts";
import { endGrant, findGrant, insertGrant, rotateGrant } from "./store-grants.ts";
import type { Client } from "./store.ts";

export interface RefreshGrantOptions extends GrantOptions {
  readonly database: Pick<Database, "read" | "query" | "withTransaction">;
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
  const grant = {
    ...{ id, client, scope, audience, refreshSecret, refreshKid: key.kid },
    idleSeconds: config.refreshTokenSeconds,
    absoluteSeconds: config.sessionAbsoluteSeconds,
  };
  await database.withTransaction((tx) => insertGrant(tx, grant));
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
  caller: Caller,
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
    await endReused(database, client, { grantId, counter, caller });
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

/** Ends the grant and writes it down, both or neither: an end that nobody hears of is no alarm. */
function endReused(
  database: RefreshGrantOptions["database"],
  { id: subject, tenantId }: Client,
  {
    grantId,
    counter,
    caller,
  }: { readonly grantId: string; readonly counter: number; readonly caller: Caller },
): Promise<void> {
  return database.withTransaction(
    async (tx) => {
      if (!(await endGrant(tx, grantId, counter))) return;
      const reason = `counter ${counter} of a client`;
      const event = { action: "refresh.reuse", subject, tenantId, reason } as const;
      await recordEvent(tx, { ...event, ...placeOf(caller) });
    },
    { revocation: true },
  );
}
