import type { Principal } from "../../http/principal.ts";
import type { Clock } from "../../platform/clock.ts";
import { activityLimits, authCacheLimits, sharedMemoryLimits } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { deadlineTicks, ticksNow, type SharedMemory } from "../../platform/shared-memory.ts";
import type { Claims } from "../token/claims.ts";
import { createClaimsTable, type ClaimsTable } from "./claims-table.ts";
import { createFirstLevel, type FirstLevel } from "./first-level.ts";
import type { Captured, GenerationIndexes, Generations } from "./generations.ts";
import { deepFreeze, fromPayload, toPayload } from "./payload.ts";
import { isPast } from "./slot.ts";

/** What a look-up tells. Both parts are deeply frozen and shared by all requests of the token. */
export interface CachedEntry {
  readonly claims: Claims;
  /** Undefined: something it depends on changed. The claims still count, the look-ups do not. */
  readonly principal: Principal | undefined;
  readonly expiresAt: number;
  readonly indexes: GenerationIndexes;
  /**
   * With a principal: what it was captured under. Without: captured now, so that the look-ups may
   * begin and their result be filled under it (the claims' own generations are kept).
   */
  readonly captured: Captured;
  /** The latest end of whatever is filled with these claims. */
  readonly deadlineTicks: number;
}

export interface CacheFill {
  readonly claims: Claims;
  readonly principal: Principal;
  /** `exp`, seconds since the epoch. */
  readonly expiresAt: number;
  readonly indexes: GenerationIndexes;
  /** Captured before the signature check and the look-ups began. */
  readonly captured: Captured;
  /** Of the entry whose claims are used again: verified claims never outlive `AUTH_CACHE_TTL`. */
  readonly deadlineTicks?: number;
}

export interface AuthCacheStats {
  /** Hits of the thread's own level, of the shared table, and of claims alone in either one. */
  readonly hits: number;
  readonly tableHits: number;
  readonly claimsHits: number;
  readonly misses: number;
  readonly evictions: number;
  /** Entries of the first level, dead ones included until the next sweep. */
  readonly live: number;
  /** Live entries of the shared table that had to go for this thread's. */
  readonly tableEvictions: number;
  /** Entries that did not get into the shared table. */
  readonly tooLarge: number;
  readonly contended: number;
}

/** The two levels in front of a verification, for one HTTP thread. */
export interface AuthCache {
  lookup(token: string, nowSeconds: number): CachedEntry | undefined;
  fill(token: string, entry: CacheFill): void;
  /** For a refused token: its own entry of the first level goes. */
  drop(token: string): void;
  /** Sessions of our own that were used since it was asked last. */
  takeUsedSessions(): string[];
  /** Drops what is past. Runs by itself with the fills; may be called by a timer too. */
  sweep(): void;
  stats(): AuthCacheStats;
}

export interface AuthCacheOptions {
  readonly shared: SharedMemory;
  readonly generations: Generations;
  readonly clock: Clock;
  /** `AUTH_CACHE_TTL`. */
  readonly ttlSeconds: number;
  /** Spawn number of this thread. */
  readonly spawn: number;
  /** SHA-256 over the whole token and the id of this process's rules. */
  readonly digest: (token: string) => Uint8Array;
  readonly metrics: Metrics;
  readonly entriesMax?: number;
}

/** An entry as the first level holds it: also what a hit hands out, so that it makes nothing. */
interface Held extends CachedEntry {
  readonly principal: Principal;
  /** Attempts left to bring it into the shared table. */
  publishAttempts: number;
  /** Since it was last asked: a hit must not do more than to say so. */
  isUsed: boolean;
}

/** What the two levels work with. */
interface Levels {
  readonly first: FirstLevel<Held>;
  readonly table: ClaimsTable | undefined;
  readonly generations: Generations;
  readonly digest: (token: string) => Uint8Array;
  readonly counts: ReturnType<typeof createCounts>;
}

export function createAuthCache(options: AuthCacheOptions): AuthCache {
  const { shared, clock, metrics } = options;
  const used = createUsedSessions();
  const first = createFirstLevel<Held>(
    {
      entriesMax: options.entriesMax ?? authCacheLimits.firstLevelEntriesMax,
      charactersMax: authCacheLimits.firstLevelCharactersMax,
    },
    used.note,
  );
  const counts = createCounts(metrics);
  metrics.gauge("auth_cache_entries", "Entries of the threads' own level", first.size);
  metrics.gauge("auth_cache_evictions", "Entries that went for others", first.evictions);
  const table = tableOf(options);
  const levels = { first, table, counts, digest: options.digest, generations: options.generations };
  let nextSweepTicks = 0;

  function sweep(nowSeconds: number, nowTicks: number): void {
    const { sweepEverySeconds } = authCacheLimits;
    nextSweepTicks = nowTicks + sweepEverySeconds * sharedMemoryLimits.ticksPerSecond;
    first.sweep((entry) => isPast(entry.expiresAt, entry.deadlineTicks, nowSeconds, nowTicks));
  }

  return {
    lookup: (token, nowSeconds) => lookup(levels, token, nowSeconds, ticksNow(shared, clock)),
    fill(token, entry) {
      const nowMs = clock.nowMs();
      const nowTicks = ticksNow(shared, clock);
      const nowSeconds = Math.floor(nowMs / 1000);
      if (nowTicks >= nextSweepTicks) sweep(nowSeconds, nowTicks);
      // Both ends also on the monotonic clock: setting the wall clock back lengthens no life.
      const leftMs = Math.min(options.ttlSeconds * 1000, entry.expiresAt * 1000 - nowMs);
      const end = deadlineTicks(shared, clock.monotonicMs() + leftMs);
      const held: Held = {
        claims: deepFreeze(entry.claims),
        principal: deepFreeze(entry.principal),
        expiresAt: entry.expiresAt,
        indexes: entry.indexes,
        captured: entry.captured,
        deadlineTicks: Math.min(end, entry.deadlineTicks ?? end),
        publishAttempts: table === undefined ? 0 : authCacheLimits.publishAttemptsMax,
        isUsed: true,
      };
      if (!isPast(held.expiresAt, held.deadlineTicks, nowSeconds, nowTicks)) first.set(token, held);
    },
    drop: (token) => first.delete(token),
    takeUsedSessions() {
      first.forEach(used.note);
      return used.take();
    },
    sweep: () => sweep(clock.nowSeconds(), ticksNow(shared, clock)),
    stats: () => ({
      hits: counts.hits.value(),
      tableHits: counts.tableHits.value(),
      claimsHits: counts.claimsHits.value(),
      misses: counts.misses.value(),
      evictions: first.evictions(),
      live: first.size(),
      tableEvictions: counts.tableEvictions.value(),
      tooLarge: counts.tooLarge.value(),
      contended: counts.contended.value(),
    }),
  };
}

function lookup(
  levels: Levels,
  token: string,
  nowSeconds: number,
  nowTicks: number,
): CachedEntry | undefined {
  const { first, generations, counts } = levels;
  const held = first.get(token);
  let stale: Held | undefined;
  if (held !== undefined) {
    const { indexes, captured } = held;
    if (isPast(held.expiresAt, held.deadlineTicks, nowSeconds, nowTicks)) first.delete(token);
    else if (generations.current(indexes, captured)) {
      counts.hits.add();
      if (!held.isUsed) held.isUsed = true;
      if (held.publishAttempts > 0) publish(levels, token, held, nowSeconds, nowTicks);
      return held;
    } else if (generations.claimsCurrent(indexes, captured)) stale = held;
    else first.delete(token);
  }
  // Another thread may have looked the principal up again already.
  const found = lookupTable(levels, token, nowSeconds, nowTicks);
  if (found?.principal !== undefined) {
    counts.tableHits.add();
    return found;
  }
  const claimsOnly = stale ?? found;
  if (claimsOnly === undefined) {
    counts.misses.add();
    return undefined;
  }
  counts.claimsHits.add();
  const captured = generations.recapture(claimsOnly.indexes, claimsOnly.captured);
  return { ...claimsOnly, principal: undefined, captured };
}

/** Entries that leave between two askings are noted too, up to a number. */
function createUsedSessions() {
  let sessions = new Set<string>();
  return {
    note(entry: Held): void {
      if (!entry.isUsed) return;
      entry.isUsed = false;
      const { accountId, sessionId } = entry.principal;
      // A session of another issuer is no row of ours.
      if (accountId === undefined || sessionId === undefined) return;
      if (sessions.size < activityLimits.rememberedMaxCount) sessions.add(sessionId);
    },
    take(): string[] {
      const taken = [...sessions];
      sessions = new Set();
      return taken;
    },
  };
}

/** Second use: now it is worth a place where the other threads find it. */
function publish(
  { digest, table, counts }: Levels,
  token: string,
  held: Held,
  nowSeconds: number,
  nowTicks: number,
): void {
  const payload = toPayload(held.claims, held.principal);
  const outcome = table?.put(digest(token), { ...held, payload }, nowSeconds, nowTicks);
  held.publishAttempts = outcome === "contended" ? held.publishAttempts - 1 : 0;
  if (outcome === "replaced") counts.tableEvictions.add();
  if (outcome === "too_large") counts.tooLarge.add();
  if (outcome === "contended") counts.contended.add();
}

/** What the shared table knows; a current entry is kept in the first level. */
function lookupTable(
  { digest, table, first }: Levels,
  token: string,
  nowSeconds: number,
  nowTicks: number,
): CachedEntry | undefined {
  const found = table?.get(digest(token), nowSeconds, nowTicks);
  if (found === undefined) return undefined;
  const { payload, isCurrent, ...rest } = found;
  const { claims, principal } = fromPayload(payload);
  if (!isCurrent) return { ...rest, claims, principal: undefined };
  const held: Held = { ...rest, claims, principal, publishAttempts: 0, isUsed: true };
  first.set(token, held);
  return held;
}

/** Nobody to share with: no table. */
function tableOf({ shared, generations, spawn }: AuthCacheOptions): ClaimsTable | undefined {
  const { claims } = shared;
  if (claims === undefined) return undefined;
  return createClaimsTable({ shared: { ...shared, claims }, generations, owner: spawn });
}

function createCounts(metrics: Metrics) {
  const lookups = (result: string) =>
    metrics.counter("auth_cache_lookups_total", "Look-ups of a token, by what was found", {
      result,
    });
  const unpublished = (reason: string) =>
    metrics.counter("auth_cache_unpublished_total", "Entries kept out of the shared table", {
      reason,
    });
  return {
    hits: lookups("first_level"),
    tableHits: lookups("table"),
    claimsHits: lookups("claims_only"),
    misses: lookups("miss"),
    tableEvictions: metrics.counter(
      "auth_cache_table_evictions_total",
      "Live entries of the shared table that went for others",
    ),
    tooLarge: unpublished("too_large"),
    contended: unpublished("contended"),
  };
}
