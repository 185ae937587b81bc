import type { Clock } from "../../platform/clock.ts";
import type { ForeignIssuerSettings } from "../../platform/issuer-settings.ts";
import { keySetLimits as limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import type { After } from "./key-demand.ts";
import { KeySet, type KeyFetch, type KeySetSnapshot, type KeySetState } from "./key-set.ts";
import { showKeySet } from "./key-set-metrics.ts";
import { removeKeptKeys, selectKeySets, upsertKeySet } from "./store-key-sets.ts";

export interface KeySetsOptions {
  readonly issuers: readonly Pick<ForeignIssuerSettings, "issuer" | "jwksUri" | "algorithms">[];
  readonly database: Pick<Database, "read" | "query">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Gives a set to every thread that serves, in the order of the calls. */
  readonly deliver: (set: KeySetSnapshot) => void;
  readonly after?: After;
}

/** The key sets of all foreign issuers: one registry for the process, in main. */
export interface KeySets {
  /** The sets as they are now: what a thread that starts is given. */
  snapshots(): readonly KeySetSnapshot[];
  /**
   * Asks for a key that a thread does not have. When it resolves a set that holds it was delivered,
   * if there is one. Answers when it may be asked for again, on the monotonic clock.
   */
  want(issuer: string, kid: string): Promise<number>;
  /** Asks the issuer now. Undefined: none of ours. */
  refresh(issuer: string): Promise<KeySetState | undefined>;
  states(): readonly KeySetState[];
  stop(): void;
}

/**
 * Opens the key sets with what was kept of them: a start waits for no issuer. A set that was kept
 * goes through the same checks as one that an issuer publishes.
 */
export async function openKeySets(options: KeySetsOptions): Promise<KeySets> {
  const { issuers, database, log, clock } = options;
  const sets = new Map<string, KeySet>();
  for (const settings of issuers) {
    const set = new KeySet({ ...options, settings, ...reports(options, settings.issuer) });
    showKeySet(options.metrics, set);
    sets.set(settings.issuer, set);
  }
  if (sets.size > 0) {
    const kept = await selectKeySets(database, [...sets.keys()]);
    for (const [issuer, keySet] of kept) {
      await sets
        .get(issuer)
        ?.restore(keySet)
        .catch((error) => log.warn({ event: "issuer_keys_unread", issuer, err: error }));
    }
  }
  for (const set of sets.values()) set.start();
  return {
    snapshots: () => [...sets.values()].flatMap((set) => set.snapshot() ?? []),
    async want(issuer, kid) {
      const set = sets.get(issuer);
      await set?.want(kid);
      return set?.againMs() ?? clock.monotonicMs() + limits.demandWindowMs;
    },
    async refresh(issuer) {
      const set = sets.get(issuer);
      await set?.refresh();
      return set?.state();
    },
    states: () => [...sets.values()].map((set) => set.state()),
    stop() {
      for (const set of sets.values()) set.stop();
    },
  };
}

/** What becomes of an answer: threads and database get the set, the log and the metrics a word. */
function reports({ database, deliver, clock, log, metrics }: KeySetsOptions, issuer: string) {
  let toldMs = -Infinity;
  let complaint: string | undefined;
  const notKept = (error: unknown) =>
    log.warn({ event: "issuer_keys_not_kept", issuer, err: error });

  function onTaken(set: KeySetSnapshot, isChange: boolean): void {
    // Strangers can make us ask once a window: what is no news is not written down each time.
    if (!isChange && clock.monotonicMs() - toldMs < limits.retellMs) return;
    toldMs = clock.monotonicMs();
    deliver(set);
    const kids = set.keys.map(({ kid }) => kid);
    if (isChange) log.info({ event: "issuer_keys_changed", issuer, kids });
    const ageMs = clock.monotonicMs() - set.confirmedMs;
    upsertKeySet(database, { ...set, ageMs }).catch(notKept);
  }

  // What is kept is as old as what is left, or younger: it would not be written over.
  function onExposed(kids: readonly string[]): void {
    removeKeptKeys(database, issuer, kids).catch(notKept);
  }

  function onFetch({ reason, fault, leftOut }: KeyFetch): void {
    metrics
      .counter("brigade_issuer_key_fetches_total", "Questions for keys of foreign issuers", {
        issuer,
        reason,
        outcome: fault === undefined ? "ok" : "failed",
      })
      .add();
    const sentence = fault === undefined ? leftOut.join("; ") : `${fault.code}: ${fault.message}`;
    // Each sentence once, however long it stays true.
    if (sentence !== "" && sentence !== complaint) {
      log.warn({ event: "issuer_keys_unread", issuer, reason, note: sentence });
    }
    complaint = sentence;
  }

  return { onTaken, onFetch, onExposed };
}
