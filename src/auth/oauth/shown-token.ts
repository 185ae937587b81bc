import type { Principal } from "../../http/principal.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import { isRejection, platformErrors } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import { isMachineToken } from "../admission/look-ups.ts";
import type { Authenticate, LoadRoles } from "../index.ts";
import { createLocalIssuer } from "../issuers/local.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { selectKeyVersion } from "../keys/store-rows.ts";
import { validateClaims } from "../token/claims.ts";
import { isTokenFault } from "../token/fault.ts";
import { parseToken, type ParsedToken } from "../token/parse.ts";
import { verifySignature } from "../token/verify.ts";
import { createLoadMachine } from "./store.ts";

export interface ShownTokenSources {
  readonly authenticate: Authenticate;
  readonly loadRoles: LoadRoles;
  readonly database: Pick<Database, "read" | "query">;
  readonly keyRing: Pick<KeyRing, "verificationKey" | "version">;
  readonly config: Pick<Config, "publicUrl" | "jwtAudience" | "staleSeconds">;
  readonly clock: Clock;
}

/** What a good token says of its holder. */
export type ShownToken = Pick<
  Principal,
  "kind" | "tenantId" | "tokenId" | "subject" | "clientId" | "username" | "expiresAt"
>;

/**
 * An access token that a client shows, ours or one of an issuer we trust; undefined for one that is
 * not good. Throws `unavailable` when nobody can say.
 */
export async function readShownToken(
  sources: ShownTokenSources,
  text: string,
): Promise<ShownToken | undefined> {
  const parsed = parseToken(text);
  if (!isTokenFault(parsed) && isForOthers(sources, parsed)) return readForOthers(sources, parsed);
  // Whoever asks has shown who it is; that its own callers send garbage is not its doing.
  const principal = await sources.authenticate(text, "");
  if (!isRejection(principal)) return principal;
  if (principal.status < 500 && principal.status !== 429) return undefined;
  throw platformErrors.failure("unavailable", { note: principal.code });
}

/** Says that we issued it for another audience: no request to us is let in with it. */
function isForOthers({ config }: ShownTokenSources, { payload }: ParsedToken): boolean {
  const { iss, aud } = payload as { iss?: unknown; aud?: unknown };
  return iss === config.publicUrl && typeof aud === "string" && aud !== config.jwtAudience;
}

/** By the rules of our own tokens, but for the audience. Only machine clients have others. */
async function readForOthers(
  { database, keyRing, config, clock, loadRoles }: ShownTokenSources,
  token: ParsedToken,
): Promise<ShownToken | undefined> {
  const issuer = createLocalIssuer(config, keyRing);
  const key = issuer.keyFor(token.header.kid, token.header.alg);
  const rules = { ...issuer.rules, audiences: [token.payload["aud"] as string] };
  const claims = validateClaims(token, rules, clock.nowSeconds());
  if (key === undefined || isTokenFault(claims) || !isMachineToken(claims)) return undefined;
  if (!verifySignature(key, token.signingInput, token.signature)) return undefined;
  const { subject, sessionId, tokenId, tenantId, clientId, expiresAt } = claims;
  const [version, machine, grants] = await Promise.all([
    selectKeyVersion(database),
    createLoadMachine(database)(sessionId!, tokenId!),
    loadRoles({ issuer: config.publicUrl, subject }),
  ]);
  // The key that verified the token may be withdrawn, and this process not have heard of it yet.
  if (version !== keyRing.version()) throw platformErrors.failure("unavailable", { note: "keys" });
  if (grants === undefined || machine === undefined) return undefined;
  if (machine.disabled || machine.tokenRevoked) return undefined;
  if (machine.clientId !== subject || machine.tenantId !== tenantId) return undefined;
  return { kind: "machine", tenantId, tokenId, subject, clientId, username: undefined, expiresAt };
}
