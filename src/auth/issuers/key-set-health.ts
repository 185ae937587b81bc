import type { HealthCheck, HealthChecks } from "../../http/health.ts";
import type { KeySetState } from "./key-set.ts";

/** The keys of foreign issuers as main keeps them, for operators. */
export interface IssuerKeys {
  states(): Promise<readonly KeySetState[]>;
  /** Asks the issuer now. Undefined: none of ours. */
  refresh(issuer: string): Promise<KeySetState | undefined>;
}

/**
 * `pass`: the issuer answers. `warn`: it does not; `output` is `unusable` when its tokens are refused
 * for that. Never `fail`: what somebody else's server does is not whether this one can work. The age
 * of its keys is what is observed.
 */
export function toHealthCheck(state: KeySetState | undefined): HealthCheck {
  const { isUsable = false, fault, ageMs } = state ?? {};
  const output = isUsable ? fault : "unusable";
  return {
    status: output === undefined ? "pass" : "warn",
    ...(ageMs === undefined ? {} : { observedValue: Math.floor(ageMs / 1000), observedUnit: "s" }),
    ...(output === undefined ? {} : { output }),
  };
}

/** One check for each issuer. */
export function issuerChecks(
  issuers: readonly { readonly issuer: string }[],
  { states }: Pick<IssuerKeys, "states">,
): HealthChecks {
  return Object.fromEntries(
    issuers.map(({ issuer }) => [
      `issuer:${issuer}`,
      async () => toHealthCheck((await states()).find((state) => state.issuer === issuer)),
    ]),
  );
}
