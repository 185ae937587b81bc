import type { Clock } from "../../platform/clock.ts";
import { admissionLimits } from "../../platform/limits.ts";
import type { Lease } from "../cache/lease.ts";
import type { Logger } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type {
  LiveMachine,
  LiveSession,
  LoadMachine,
  LoadRoles,
  LoadSession,
  RoleGrants,
} from "../index.ts";
import type { IssuerRegistry } from "../issuers/registry.ts";
import type { Provision } from "../issuers/provision.ts";
import type { IsForeignRevoked } from "../revocation/revoked-tokens.ts";
import type { Claims } from "../token/claims.ts";

export interface LookUpsOptions {
  readonly loadSession: LoadSession;
  readonly loadMachine: LoadMachine;
  readonly loadRoles: LoadRoles;
  readonly issuers: Pick<IssuerRegistry, "find">;
  /** For tokens of issuers whose sessions we do not hold. */
  readonly isForeignRevoked: IsForeignRevoked | undefined;
  /** Makes a user of a caller whom IAM does not know, where the issuer's settings say so. */
  readonly provision: Provision | undefined;
  /** Asked while the log is not read: whether our keys are still the stored ones. */
  readonly areKeysCurrent?: (() => Promise<boolean>) | undefined;
  readonly lease: Pick<Lease, "holds">;
  readonly ownIssuer: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** What the database says of a caller now. */
export interface Found {
  readonly isOwn: boolean;
  readonly session: LiveSession | undefined;
  /** In place of a session, for a token of a machine client. */
  readonly machine: LiveMachine | undefined;
  readonly isTokenRevoked: boolean;
  readonly grants: RoleGrants | undefined;
}

export interface LookUps {
  /** Undefined when the database does not answer in time; then nobody is let in or refused. */
  find(claims: Claims, tenantId: string): Promise<Found | undefined>;
  /**
   * The same for another question to the database. `isSign`: no answer means that it is away, and
   * not only that the connections for writing are busy.
   */
  attempt<T>(ask: () => Promise<T>, isSign?: boolean): Promise<{ readonly value: T } | undefined>;
  /** True for a moment after a failure: callers are answered without another try. */
  isAway(): boolean;
}

/**
 * The reads behind a principal. They leave together, so that they share a round trip. A read that
 * hangs is given up: what it would tell might be old by then.
 */
export function createLookUps(options: LookUpsOptions): LookUps {
  const { loadRoles, isForeignRevoked, provision, issuers, ownIssuer, clock, log, lease } = options;
  const areKeysCurrent = options.areKeysCurrent ?? (async () => true);
  const loadSession = timed(options, options.loadSession);
  const seconds = options.metrics.histogram(
    "brigade_auth_look_up_seconds",
    "Session and roles of a caller",
  );
  const failures = options.metrics.counter(
    "brigade_auth_look_up_failures_total",
    "Look-ups that the database did not answer",
  );
  let awayUntilMs = 0;

  async function read(claims: Claims, tenantId: string): Promise<Found> {
    const { issuer, subject, sessionId, tokenId } = claims;
    const isOwn = issuer === ownIssuer;
    const mapped = issuers.find(issuer)?.foreign?.rolesOf(claims);
    const isMachine = isOwn && isMachineToken(claims);
    const [areCurrent, session, machine, isRevoked, grants] = await Promise.all([
      isOwn && !lease.holds() ? areKeysCurrent() : true,
      isOwn && !isMachine ? loadSession(sessionId!, tokenId!) : undefined,
      isMachine ? options.loadMachine(sessionId!, tokenId!) : undefined,
      isOwn ? false : (isForeignRevoked?.(claims, tenantId) ?? false),
      loadRoles({ issuer, subject }, mapped),
    ]);
    // The key that verified the token may be withdrawn: nobody knows whose token it is.
    if (!areCurrent) throw new Error("the keys are not the stored ones");
    const isTokenTakenBack = (session ?? machine)?.tokenRevoked ?? isRevoked;
    return { isOwn, session, machine, isTokenRevoked: isTokenTakenBack, grants };
  }

  async function attempt<T>(
    ask: () => Promise<T>,
    isSign = true,
  ): Promise<{ value: T } | undefined> {
    const beganMs = clock.monotonicMs();
    try {
      return { value: await withDeadline(ask(), admissionLimits.lookUpDeadlineMs) };
    } catch (error) {
      failures.add();
      if (clock.monotonicMs() >= awayUntilMs) log.warn({ event: "look_up_failed", error });
      if (isSign) awayUntilMs = clock.monotonicMs() + admissionLimits.awayMs;
      return undefined;
    } finally {
      seconds.observe((clock.monotonicMs() - beganMs) / 1000);
    }
  }

  /** A caller whom IAM does not know and whom its issuer's settings let in is known from now on. */
  async function find(claims: Claims, tenantId: string): Promise<Found | undefined> {
    const found = (await attempt(() => read(claims, tenantId)))?.value;
    if (found === undefined || found.grants !== undefined || found.isTokenRevoked) return found;
    const { issuer, subject } = claims;
    if (provision === undefined || issuers.find(issuer)?.foreign?.provision !== "create") {
      return found;
    }
    // Connections for writing may be busy: that says nothing about the look-ups of others.
    const made = await attempt(() => provision({ issuer, subject, tenantId }), false);
    if (made === undefined) return undefined;
    return made.value ? (await attempt(() => read(claims, tenantId)))?.value : found;
  }

  return {
    find,
    attempt,
    isAway: () => awayUntilMs > 0 && clock.monotonicMs() < awayUntilMs,
  };
}

/** RFC 9068 §2.2: a token that a client got for itself has the client as its subject. */
export function isMachineToken({ subject, clientId }: Claims): boolean {
  return subject === clientId;
}

/** Only what is not cached comes here, so this costs the warm path nothing. */
function timed({ metrics, clock }: LookUpsOptions, loadSession: LoadSession): LoadSession {
  const seconds = metrics.histogram(
    "brigade_session_look_up_seconds",
    "A session and its account, read from the database",
  );
  return async (sessionId, tokenId) => {
    const beganMs = clock.monotonicMs();
    const session = await loadSession(sessionId, tokenId);
    seconds.observe((clock.monotonicMs() - beganMs) / 1000);
    return session;
  };
}

function withDeadline<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the look-up took too long")), limitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
