import { randomBytes } from "node:crypto";
import type { Principal } from "../../http/principal.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import { newId } from "../../platform/ids.ts";
import { accountLimits as limits, sessionLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { Caller } from "../session/open.ts";
import { insertSession } from "../session/store.ts";
import { FIRST_PARTY_CLIENT_ID } from "../session/tokens.ts";
import { issueAccessToken } from "../token/issue.ts";
import { insertImpersonation } from "./store-admin.ts";
import type { Account } from "./store.ts";

export interface ImpersonationOptions {
  readonly database: Database;
  readonly keyRing: Pick<KeyRing, "signingKey" | "refreshKey">;
  readonly config: Pick<Config, "publicUrl" | "jwtAudience" | "accessTokenSeconds">;
  readonly clock: Clock;
}

export interface Impersonation {
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly sessionId: string;
}

/**
 * A session of `subject` in which `actor` acts: RFC 8693 §4.1 `act` in its one token says so. It is
 * short, and there is nothing to refresh it with. Whether they may is the caller's to decide.
 */
export async function impersonate(
  { database, keyRing, config, clock }: ImpersonationOptions,
  actor: Pick<Principal, "userId">,
  subject: Pick<Account, "id" | "tenantId">,
  { reason, caller }: { readonly reason: string; readonly caller: Caller },
): Promise<Impersonation> {
  const { id, tenantId } = subject;
  const expiresIn = Math.min(config.accessTokenSeconds, limits.impersonationSeconds);
  const session = await database.withTransaction(async (tx) => {
    const place = placeOf(caller);
    const opened = await insertSession(tx, {
      id: newId(clock),
      accountId: id,
      tenantId,
      refreshKid: keyRing.refreshKey().kid,
      // Nobody ever gets what could be made of it.
      refreshSecret: randomBytes(sessionLimits.refreshSecretBytes),
      deviceDigest: undefined,
      device: "an administrator",
      agent: undefined,
      network: place.network,
      country: place.country,
      amr: ["imp"],
      idleSeconds: expiresIn,
      absoluteSeconds: expiresIn,
    });
    const sessionId = opened.id;
    await insertImpersonation(tx, { sessionId, actorId: actor.userId, subjectId: id, reason });
    await recordEvent(tx, {
      action: "account.impersonate",
      actor: actor.userId,
      subject: id,
      tenantId,
      sessionId,
      reason,
      ...place,
    });
    return opened;
  });
  const issuedAt = clock.nowSeconds();
  const accessToken = await issueAccessToken(keyRing.signingKey(), {
    iss: config.publicUrl,
    sub: id,
    aud: config.jwtAudience,
    iat: issuedAt,
    exp: issuedAt + expiresIn,
    jti: newId(clock),
    sid: session.id,
    tid: tenantId,
    client_id: FIRST_PARTY_CLIENT_ID,
    amr: session.amr,
    auth_time: issuedAt,
    act: { sub: actor.userId },
  });
  return { accessToken, expiresIn, sessionId: session.id };
}
