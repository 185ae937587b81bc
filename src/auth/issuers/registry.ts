import type { Issuer } from "./issuer.ts";

export interface IssuerRegistry {
  /** The issuer of exactly that name; anything else, of any type, is nobody. */
  find(issuer: unknown): Issuer | undefined;
  all(): readonly Issuer[];
}

/** The issuers we trust, fixed at start. Two of one name are a fault of the configuration. */
export function createIssuerRegistry(issuers: readonly Issuer[]): IssuerRegistry {
  const byName = new Map<unknown, Issuer>(issuers.map((one) => [one.issuer, one]));
  if (byName.size !== issuers.length) throw new Error("two issuers have one name");
  const all = Object.freeze([...issuers]);
  return Object.freeze({ find: (issuer: unknown) => byName.get(issuer), all: () => all });
}
