import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { Admission } from "./admission/admit.ts";
import { createLookUps } from "./admission/look-ups.ts";
import { createRefusalLog } from "./admission/refusals.ts";
import type { AuthCache, CachedEntry } from "./cache/auth-cache.ts";
import type { Generations } from "./cache/generations.ts";
import type { Lease } from "./cache/lease.ts";
import type { Authenticate, LoadRoles, LoadSession } from "./index.ts";
import type { IssuerRegistry } from "./issuers/registry.ts";
import type { IsTokenRevoked } from "./revocation/revoked-tokens.ts";
import type { VerifySignature } from "./verify-pool.ts";

export interface AuthenticateOptions {
  readonly issuers: IssuerRegistry;
  readonly verify: VerifySignature;
  readonly cache: AuthCache;
  readonly generations: Generations;
  readonly lease: Pick<Lease, "holds">;
  readonly loadSession: LoadSession;
  readonly loadRoles: LoadRoles;
  /** Needed as soon as there is a foreign issuer. */
  readonly isTokenRevoked?: IsTokenRevoked;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** `iss` of our own tokens. */
  readonly ownIssuer: string;
}

/**
 * Makes the question "who is calling?". A token we know is answered at once with the same frozen
 * principal as last time; no promise is made. Everything else is the admission's work.
 *
 * A cached principal counts while nothing it depends on was bumped and while the log of
 * revocations is known to be read (the lease): then it is at most that old.
 */
export function createAuthenticate(options: AuthenticateOptions): Authenticate {
  const { cache, lease, clock, metrics, log, issuers } = options;
  const outOfLease = metrics.counter(
    "brigade_auth_lease_out_total",
    "Cached principals that did not count because the log was not read",
  );

  const hit = (entry: CachedEntry | undefined) => {
    const principal = entry?.principal;
    if (entry === undefined || principal === undefined) return undefined;
    // The lease last: it vouches for the generations that were compared just now.
    if (!lease.holds(issuers.find(entry.claims.issuer)?.staleMs)) {
      outOfLease.add();
      return undefined;
    }
    return principal;
  };
  const admission = new Admission({
    ...options,
    lookUps: createLookUps({ ...options, isTokenRevoked: options.isTokenRevoked }),
    refusalLog: createRefusalLog(metrics, log, clock),
    hit,
  });

  return (token, address) => {
    const entry = cache.lookup(token, clock.nowSeconds());
    return hit(entry) ?? admission.admit(token, address, entry);
  };
}
