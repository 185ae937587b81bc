import { createAuthenticate } from "../../src/auth/authenticate.ts";
import { createAuthCache } from "../../src/auth/cache/auth-cache.ts";
import { createGenerations } from "../../src/auth/cache/generations.ts";
import { createLease } from "../../src/auth/cache/lease.ts";
import type { LiveSession, RoleGrants } from "../../src/auth/index.ts";
import type { Issuer } from "../../src/auth/issuers/issuer.ts";
import type { Provision } from "../../src/auth/issuers/provision.ts";
import { createIssuerRegistry } from "../../src/auth/issuers/registry.ts";
import { tokenDigest } from "../../src/auth/token/digest.ts";
import { verifyInline, type VerifySignature } from "../../src/auth/verify-pool.ts";
import { createManualClock } from "../support/clock.ts";
import { isRejection } from "../../src/platform/errors.ts";
import { createMetrics, readCounter } from "../../src/platform/metrics.ts";
import { createSharedMemory } from "../../src/platform/shared-memory.ts";
import { capturedLog } from "../support/log.ts";
import {
  goodClaims,
  goodHeader,
  makeIssuer,
  makeKey,
  OWN,
  signToken,
} from "./token/token-factory.ts";

export const LEASE_MS = 4_500;
export const key = makeKey("ES256");
export const strangerKey = makeKey("ES256", key.kid);
const foreignKey = makeKey("ES256", "foreign-key");
export const FOREIGN = "https://idp.example";

const good = goodClaims();
const session: LiveSession = Object.freeze({
  sessionId: good["sid"] as string,
  accountId: good["sub"] as string,
  tenantId: good["tid"] as string,
  email: "ada@test.example",
  username: "ada",
  name: "Ada",
  emailVerified: true,
  hasFactor: false,
  disabled: false,
  tokenRevoked: false,
});
const grants: RoleGrants = {
  userId: good["sub"] as string,
  tenantId: good["tid"] as string,
  roles: { iam: ["user"] },
  permissions: { iam: ["read_self"] },
};

export function ownToken(claims: Record<string, unknown> = {}, signer = key): string {
  return signToken(signer, goodHeader(key), { ...good, ...claims });
}

let serial = 0;
/** A good token that nobody has seen. */
export function freshToken(claims: Record<string, unknown> = {}): string {
  return ownToken({ jti: `token-${serial++}`, ...claims });
}

export function foreignToken(claims: Record<string, unknown> = {}): string {
  const { sid: _sid, ...rest } = good;
  return signToken(foreignKey, goodHeader(foreignKey), { ...rest, iss: FOREIGN, ...claims });
}

/**
 * authenticate() with its real cache, generations and lease, on a clock that is moved by hand. The
 * database is what a test puts into `rows`; `hold()` keeps its answers back, after it has read.
 */
export function createRig(
  options: { foreignStaleMs?: number; foreign?: Issuer; provision?: Provision } = {},
) {
  const clock = createManualClock();
  const shared = createSharedMemory({ httpThreads: 1, authCacheSlots: 64, clock });
  const generations = createGenerations(shared);
  const lease = createLease(shared, clock);
  const metrics = createMetrics();
  const { log, lines, texts } = capturedLog("debug");
  const counts = { verified: 0, sessions: 0, roles: 0, revokedTokens: 0 };
  const rows: {
    session: LiveSession | undefined;
    grants: RoleGrants | undefined;
    isTokenRevoked: boolean;
    failure: Error | undefined;
    areKeysCurrent: boolean;
  } = { session, grants, isTokenRevoked: false, failure: undefined, areKeysCurrent: true };
  const faults: { verify: VerifySignature } = { verify: verifyInline };
  let held: { promise: Promise<void>; release: () => void } | undefined;

  const answer = async <T>(value: T): Promise<T> => {
    if (rows.failure !== undefined) throw rows.failure;
    await held?.promise;
    return value;
  };
  const issuer = { ...makeIssuer([key]), staleMs: LEASE_MS };
  const foreign: Issuer = options.foreign ?? {
    ...makeIssuer([foreignKey], FOREIGN),
    rules: { ...makeIssuer([foreignKey], FOREIGN).rules, required: [] },
    staleMs: options.foreignStaleMs ?? LEASE_MS,
    tenantOf: () => good["tid"] as string,
  };
  const authenticate = createAuthenticate({
    issuers: createIssuerRegistry([issuer, foreign]),
    verify: (task) => {
      counts.verified++;
      return faults.verify(task);
    },
    cache: createAuthCache({
      shared,
      generations,
      clock,
      ttlSeconds: 300,
      spawn: 1,
      digest: (token) => tokenDigest(token, "rules"),
      metrics,
    }),
    generations,
    lease,
    loadMachine: async () => undefined,
    ...(options.provision === undefined ? {} : { provision: options.provision }),
    areKeysCurrent: () => answer(rows.areKeysCurrent),
    loadSession: (sessionId) => {
      counts.sessions++;
      return answer(rows.session?.sessionId === sessionId ? rows.session : undefined);
    },
    loadRoles: () => {
      counts.roles++;
      return answer(rows.grants);
    },
    isForeignRevoked: () => {
      counts.revokedTokens++;
      return answer(rows.isTokenRevoked);
    },
    clock,
    metrics,
    log,
    ownIssuer: OWN,
  });
  const renew = () => lease.grant(clock.monotonicMs(), clock.nowMs(), LEASE_MS);
  renew();

  return {
    authenticate: (token: string, address = "192.0.2.1") => authenticate(token, address),
    known: authenticate.known,
    /** `ok`, or the code of the refusal. */
    async ask(token: string, address = "192.0.2.1"): Promise<string> {
      const outcome = await authenticate(token, address);
      return isRejection(outcome) ? outcome.code : "ok";
    },
    clock,
    generations,
    lease,
    renew,
    counts,
    rows,
    faults,
    lines,
    texts,
    /** Keeps answers of the database back until the function it returns is called. */
    hold(): () => void {
      let release = () => {};
      const promise = new Promise<void>((resolve) => (release = resolve));
      held = { promise, release };
      return () => {
        held = undefined;
        release();
      };
    },
    metric(name: string, labels: Record<string, string> = {}): number {
      const words = new Int32Array(metrics.block);
      const wanted = JSON.stringify(labels);
      return metrics
        .layout()
        .filter((one) => one.name === name && JSON.stringify(one.labels) === wanted)
        .reduce((sum, one) => sum + readCounter(words, one.offset), 0);
    },
  };
}

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
