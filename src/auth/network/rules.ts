import type { LoginGate } from "../session/login-gate.ts";
import { ALLOW } from "../session/login-gate.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import type { TenantPolicy } from "../tenants/policy.ts";
import { createNetworkSet, readCidr } from "./cidr.ts";
import type { CountryOf } from "./country.ts";

/** Why a tenant lets nobody in from there; undefined: it does. */
export function networkFault(
  rules: TenantPolicy["network"],
  address: string,
  country: string | undefined,
): "network" | "country" | undefined {
  const blocked = rules.blocked.map(readCidr).filter((cidr) => cidr !== undefined);
  if (blocked.length > 0 && createNetworkSet(blocked)(address)) return "network";
  const { allowedCountries: allowed, deniedCountries: denied } = rules;
  if (country !== undefined && denied.includes(country)) return "country";
  // Where only some are allowed, nobody knows of an address without a country that it is in one.
  if (allowed.length > 0 && (country === undefined || !allowed.includes(country))) {
    return "country";
  }
  return undefined;
}

/**
 * The tenant's rules for networks and countries. Asked behind the right password: before it, an
 * answer that depends on the tenant would tell which accounts there are.
 */
export function createNetworkGate(options: {
  readonly policyOf: PolicyOf;
  readonly countryOf: CountryOf;
}): LoginGate {
  return async ({ account, caller }) => {
    const { network } = await options.policyOf(account.tenantId);
    const hasRules =
      network.blocked.length + network.allowedCountries.length + network.deniedCountries.length > 0;
    if (!hasRules) return ALLOW;
    const country = caller.country ?? (await options.countryOf(caller.address));
    const fault = networkFault(network, caller.address, country);
    return fault === undefined
      ? ALLOW
      : { kind: "refuse", code: "network_blocked", reason: `tenant rule: ${fault}` };
  };
}
