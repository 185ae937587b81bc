import type { HealthCheck, HealthChecks } from "../../http/health.ts";
import type { KeySetState } from "./key-set.ts";

/** The keys of foreign issuers as main keeps them, for operators. */
export interface IssuerKeys {
  states(): Promise<readonly KeySetState[]>;
  /** Asks the issuer now. Undefined: none of ours. */
  refresh(issuer: string): Promise<KeySetState | undefined>;
}

/**
 * `pass`: the issuer answers. `warn`: it does not, and its last keys still count. `fail`: its tokens
 * are refused. The age of its keys is what is observed.
 */
export function toHealthCheck(state: KeySetState | undefined): HealthCheck {
  if (state === undefined) return { status: "fail" };
  const { isUsable, fault, ageMs } = state;
  return {
    status: isUsable ? (fault === undefined ? "pass" : "warn") : "fail",
    ...(ageMs === undefined ? {} : { observedValue: Math.floor(ageMs / 1000), observedUnit: "s" }),
    ...(fault === undefined ? {} : { output: fault }),
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
