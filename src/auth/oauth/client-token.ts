import type { Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import { newId } from "../../platform/ids.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { issueAccessToken } from "../token/issue.ts";
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
  /** Only for a client that was registered to get one. */
  readonly refresh_token?: string;
}

/** An access token of a client; all of one client carry its `session_id`. */
export async function issueClientToken(
  { keyRing, config, clock }: GrantOptions,
  client: Client,
  scope: string,
  aud: string,
): Promise<TokenAnswer> {
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
