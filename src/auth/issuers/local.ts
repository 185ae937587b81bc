import type { Config } from "../../platform/config.ts";
import { tokenLimits } from "../../platform/limits.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { Claims, ClaimRules } from "../token/claims.ts";
import { ACCESS_TOKEN_TYPE } from "../token/issue.ts";
import type { Issuer } from "./issuer.ts";

export type LocalIssuerSettings = Pick<Config, "publicUrl" | "jwtAudience" | "staleSeconds">;

/** The rules by which access tokens of a Brigade server are judged (RFC 9068). Frozen. */
export function localRules(publicUrl: string, audience: string): ClaimRules {
  return Object.freeze({
    issuer: publicUrl,
    audiences: Object.freeze([audience]),
    typ: ACCESS_TOKEN_TYPE,
    lifetimeSecondsMax: tokenLimits.ownLifetimeSecondsMax,
    skewSeconds: tokenLimits.skewSeconds,
    required: Object.freeze(["jti", "client_id", "sid", "tid"] as const),
  });
}

/** Ourselves: tokens signed by a key of the ring. */
export function createLocalIssuer(
  config: LocalIssuerSettings,
  keyRing: Pick<KeyRing, "verificationKey">,
): Issuer {
  const rules = localRules(config.publicUrl, config.jwtAudience);
  return Object.freeze({
    issuer: config.publicUrl,
    ruleSetId: `local ${JSON.stringify(rules)}`,
    rules,
    staleMs: config.staleSeconds * 1000,
    keyFor(kid: string, alg: string) {
      const key = keyRing.verificationKey(kid);
      return key?.alg === alg ? key : undefined;
    },
    tenantOf: (claims: Claims) => claims.tenantId,
  });
}
