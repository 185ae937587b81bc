import type { ContextName } from "../../http/principal.ts";
import type { ForeignIssuerSettings } from "../../platform/issuer-settings.ts";
import type { RoleName } from "../index.ts";
import type { Claims, ClaimRules } from "../token/claims.ts";
import type { ForeignKeys } from "./foreign-keys.ts";
import type { Issuer } from "./issuer.ts";

const NO_ROLES: readonly RoleName[] = Object.freeze([]);

/** The rules by which tokens of a foreign issuer are judged. Frozen. */
export function foreignRules(settings: ForeignIssuerSettings): ClaimRules {
  const isCognito = settings.kind === "cognito";
  return Object.freeze({
    issuer: settings.issuer,
    audiences: Object.freeze([...settings.audiences]),
    typ: undefined,
    lifetimeSecondsMax: settings.lifetimeSecondsMax,
    skewSeconds: settings.toleranceSeconds,
    required: Object.freeze([]),
    foreign: Object.freeze({
      types: Object.freeze([...settings.types]),
      tokenUses: isCognito ? Object.freeze([...settings.tokenUses]) : undefined,
      clientIds: Object.freeze([...settings.clientIds]),
      groupClaims: Object.freeze([...settings.groupClaims]),
      sessionClaim: isCognito ? "origin_jti" : "sid",
    }),
  });
}

/** Somebody else whose tokens we accept: keys are asked for elsewhere, rules are settings. */
export function createForeignIssuer(settings: ForeignIssuerSettings, keys: ForeignKeys): Issuer {
  const { issuer, tenantId, staleMs, provision } = settings;
  const rules = foreignRules(settings);
  // A map: a group may be called `__proto__`.
  const rolesOfGroup = new Map(
    Object.entries(settings.roles).map(([group, roles]) => [group, roles.map(toRole)]),
  );
  const rolesOf = ({ groups }: Claims): readonly RoleName[] =>
    rolesOfGroup.size === 0 || groups === undefined
      ? NO_ROLES
      : groups.flatMap((group) => rolesOfGroup.get(group) ?? []);
  return Object.freeze({
    issuer,
    // Who may call and what a group stands for are read into the principal, so they are rules too.
    ruleSetId: `foreign ${JSON.stringify([rules, settings.roles, tenantId, provision])}`,
    rules,
    staleMs,
    keyFor: (kid: string, alg: string) => keys.find(issuer, kid, alg),
    tenantOf: () => tenantId,
    foreign: Object.freeze({
      hasKeys: () => keys.isUsable(issuer),
      wantKey: (kid: string) => keys.want(issuer, kid),
      provision,
      rolesOf,
    }),
  });
}

function toRole(text: string): RoleName {
  const [context, name] = text.split(":");
  return Object.freeze({ context: context as ContextName, name: name! });
}
