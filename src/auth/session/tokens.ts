import type { Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import { newId } from "../../platform/ids.ts";
import type { Account } from "../accounts/store.ts";
import type { KeyRing, RefreshKey } from "../keys/key-ring.ts";
import { issueAccessToken } from "../token/issue.ts";
import { deviceIdOf } from "./device.ts";
import { makeRefreshToken } from "./refresh-token.ts";
import type { Session } from "./store.ts";

export interface TokenOptions {
  readonly keyRing: Pick<KeyRing, "signingKey">;
  readonly config: Pick<Config, "publicUrl" | "jwtAudience" | "accessTokenSeconds">;
  readonly clock: Clock;
}

/** What a caller gets at a login and at each refresh. Durations in seconds. */
export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
  readonly refreshExpiresIn: number;
}

/** The client of logins with a password; OAuth clients will have ids of their own. */
export const FIRST_PARTY_CLIENT_ID = "brigade";

/** An access token alone, and its life in seconds. */
export interface IssuedAccess {
  readonly accessToken: string;
  readonly expiresIn: number;
}

type Owner = Pick<Account, "id" | "tenantId">;

/** Signs an access token of the session and derives the refresh token of its present counter. */
export async function issueTokens(
  options: TokenOptions,
  account: Owner,
  session: Session,
  refresh: { readonly secret: Buffer; readonly key: RefreshKey },
): Promise<TokenPair> {
  const access = await issueAccess(options, account, session);
  const { id, counter } = session;
  return {
    ...access,
    refreshToken: makeRefreshToken(id, counter, refresh.secret, refresh.key),
    refreshExpiresIn: session.secondsLeft,
  };
}

/** Signs an access token of the session. */
export async function issueAccess(
  { keyRing, config, clock }: TokenOptions,
  account: Owner,
  session: Session,
): Promise<IssuedAccess> {
  // A token that outlives its session would be refused all the same; this way its holder knows.
  const expiresIn = Math.max(1, Math.min(config.accessTokenSeconds, session.secondsLeft));
  const issuedAt = clock.nowSeconds();
  const did = deviceIdOf(session.deviceDigest);
  const accessToken = await issueAccessToken(keyRing.signingKey(), {
    iss: config.publicUrl,
    sub: account.id,
    aud: config.jwtAudience,
    iat: issuedAt,
    exp: issuedAt + expiresIn,
    jti: newId(clock),
    sid: session.id,
    tid: account.tenantId,
    ...(did === undefined ? {} : { did }),
    client_id: FIRST_PARTY_CLIENT_ID,
    amr: session.amr,
    auth_time: Math.floor(session.authenticatedAt.getTime() / 1000),
  });
  return { accessToken, expiresIn };
}
