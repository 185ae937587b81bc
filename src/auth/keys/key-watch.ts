import { isDeepStrictEqual } from "node:util";
import { keyWatchLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Database } from "../../platform/postgres.ts";
import { createKeyRing, type KeyRingSnapshot } from "./key-ring.ts";
import { keyFingerprint, readKeys, type KeySettings } from "./store.ts";

export interface KeyWatchOptions {
  readonly database: Database;
  readonly config: KeySettings;
  readonly log: Logger;
  /** The keys that were opened at the start. */
  readonly keys: KeyRingSnapshot;
  /** Told of keys that differ from the ones before. */
  readonly onChange: (keys: KeyRingSnapshot) => void;
  readonly pollMs?: number;
}

export interface KeyWatch {
  /** The keys as they were last read. */
  keys(): KeyRingSnapshot;
  /** No read is under way any more when it resolves. */
  stop(): Promise<void>;
}

/**
 * Looks now and then whether another process changed the stored keys, and opens them only then.
 * While they cannot be read, or no ring can be made of them, the ones from before are kept.
 */
export function watchKeys(options: KeyWatchOptions): KeyWatch {
  const { database, config, log, onChange, pollMs = keyWatchLimits.pollMs } = options;
  let { keys } = options;
  // Unknown at first: the keys may have changed between the start's read and the first look.
  let fingerprint: string | undefined;
  let hasFailed = false;
  let isStopped = false;
  let timer: NodeJS.Timeout;
  let looking = Promise.resolve();

  async function look(): Promise<void> {
    // Read before the keys: what changes in between has another fingerprint at the next look.
    const found = await keyFingerprint(database);
    if (found === fingerprint) return;
    const next = await readKeys(database, config);
    // Throws here what would end a thread.
    createKeyRing(next);
    fingerprint = found;
    if (isStopped || isDeepStrictEqual(next, keys)) return;
    keys = next;
    log.info({ event: "keys_changed", kids: kidsOf(next) }, "the keys were changed elsewhere");
    onChange(next);
  }

  async function turn(): Promise<void> {
    try {
      await look();
      hasFailed = false;
    } catch (error) {
      // Once per outage.
      if (!hasFailed) log.warn({ event: "keys_unread", error }, "the keys could not be read again");
      hasFailed = true;
    }
    if (!isStopped) plan();
  }

  function plan(): void {
    timer = setTimeout(() => (looking = turn()), pollMs);
    timer.unref();
  }

  plan();
  return {
    keys: () => keys,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

function kidsOf({ signatures, macs }: KeyRingSnapshot): string[] {
  return [...signatures, ...macs].map(({ kid, state }) => `${kid} ${state}`);
}
