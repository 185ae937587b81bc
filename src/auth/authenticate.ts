import type { Principal } from "../http/principal.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { Admission } from "./admission/admit.ts";
import { createLookUps } from "./admission/look-ups.ts";
import { createRefusalLog } from "./admission/refusals.ts";
import { KeyAdmission } from "./api-keys/admission.ts";
import type { Guesses } from "./api-keys/guesses.ts";
import type { LoadKey } from "./api-keys/store-live.ts";
import type { AuthCache, CachedEntry } from "./cache/auth-cache.ts";
import type { Generations } from "./cache/generations.ts";
import type { Lease } from "./cache/lease.ts";
import type { Authenticate, LoadMachine, LoadRoles, LoadSession } from "./index.ts";
import type { IssuerRegistry } from "./issuers/registry.ts";
import type { Provision } from "./issuers/provision.ts";
import type { IsForeignRevoked } from "./revocation/revoked-tokens.ts";
import type { VerifySignature } from "./verify-pool.ts";

export interface AuthenticateOptions {
  readonly issuers: IssuerRegistry;
  readonly verify: VerifySignature;
  readonly cache: AuthCache;
  readonly generations: Generations;
  readonly lease: Pick<Lease, "holds">;
  readonly loadSession: LoadSession;
  readonly loadMachine: LoadMachine;
  readonly loadRoles: LoadRoles;
  /** Without it no API key is known. */
  readonly apiKeys?: { readonly loadKey: LoadKey; readonly guesses: Guesses };
  /** Both needed as soon as there is a foreign issuer. */
  readonly isForeignRevoked?: IsForeignRevoked;
  readonly provision?: Provision;
  /** Asked while the log is not read: whether our keys are still the stored ones. */
  readonly areKeysCurrent?: () => Promise<boolean>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** `iss` of our own tokens. */
  readonly ownIssuer: string;
}

/** Authenticates; `known` answers by memory alone, for whoever must know before anything is done. */
export type Authenticator = Authenticate & {
  readonly known: (token: string) => Principal | undefined;
};

/** What `known` found and could not answer with. */
interface Miss {
  readonly token: string;
  readonly entry: CachedEntry | undefined;
}

/**
 * Makes the question "who is calling?". A token we know is answered at once with the same frozen
 * principal as last time; no promise is made. Everything else is the admission's work.
 *
 * A cached principal counts while nothing it depends on was bumped and while the log of
 * revocations is known to be read (the lease): then it is at most that old.
 */
export function createAuthenticate(options: AuthenticateOptions): Authenticator {
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
  const lookUps = createLookUps({
    ...options,
    isForeignRevoked: options.isForeignRevoked,
    provision: options.provision,
    areKeysCurrent: options.areKeysCurrent,
  });
  const admission = new Admission({
    ...options,
    lookUps,
    apiKeys: options.apiKeys && new KeyAdmission({ ...options, ...options.apiKeys, lookUps }),
    refusalLog: createRefusalLog(metrics, log, clock),
    hit,
  });

  // Who is asked `known` and then authenticates looks once. Only misses are remembered: a hit would
  // be trusted, a miss is looked up or verified again whatever it says. Its generations were read
  // before that work, as they must be, and it does not outlive the turn: an entry that waited could
  // spare a signature check of which the key is withdrawn by now.
  let miss: Miss | undefined;
  const forget = () => (miss = undefined);

  function known(token: string): Principal | undefined {
    const entry = cache.lookup(token, clock.nowSeconds());
    const principal = hit(entry);
    if (principal === undefined) {
      miss = { token, entry };
      queueMicrotask(forget);
    }
    return principal;
  }

  function authenticate(token: string, address: string) {
    const missed = miss;
    miss = undefined;
    if (missed?.token === token) return admission.admit(token, address, missed.entry);
    const entry = cache.lookup(token, clock.nowSeconds());
    return hit(entry) ?? admission.admit(token, address, entry);
  }

  return Object.assign(authenticate, { known });
}
