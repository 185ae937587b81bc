import { isDeepStrictEqual } from "node:util";
import type { Logger } from "../../platform/log.ts";
import type { Database } from "../../platform/postgres.ts";
import { createKeyRing, type KeyRingSnapshot } from "./key-ring.ts";
import { rereadKeys, type KeySettings } from "./store.ts";

export interface KeyWatchOptions {
  readonly database: Database;
  readonly config: KeySettings;
  readonly log: Logger;
  /** The keys that were opened at the start. */
  readonly keys: KeyRingSnapshot;
  /** Gives other keys to every thread; resolves when all of them have them. */
  readonly deliver: (keys: KeyRingSnapshot) => Promise<void>;
}

/** The keys of a process, kept as they are stored. The bus says when they changed. */
export interface KeyWatch {
  /** The keys as they were last read: what a thread that starts now is given. */
  keys(): KeyRingSnapshot;
  /** The names of those that every thread has. The same array until it changes. */
  kids(): readonly string[];
  /**
   * Brings every thread to the keys of that version; `isJump`: of whatever version. Rejects while
   * a key may count here that does not count any more. What cannot be opened, or makes no ring, is
   * told once and changes nothing as long as nothing was withdrawn.
   */
  sync(version: number, isJump?: boolean): Promise<void>;
}

export function watchKeys(options: KeyWatchOptions): KeyWatch {
  const { database, config, log, deliver } = options;
  let { keys } = options;
  let kids = kidsOf(keys);
  /** The version that every thread has, or about which all there is to say was said. */
  let settled = keys.version;
  let complaint: string | undefined;

  function complain(sentence: string): void {
    if (sentence !== complaint) log.warn({ event: "keys_unread", note: sentence }, sentence);
    complaint = sentence;
  }

  async function take(next: KeyRingSnapshot): Promise<void> {
    const isNews = !isDeepStrictEqual({ ...next, version: 0 }, { ...keys, version: 0 });
    keys = next;
    await deliver(next);
    const loaded = kidsOf(next);
    if (!isDeepStrictEqual(loaded, kids)) kids = loaded;
    if (isNews) log.info({ event: "keys_changed", kids: statesOf(next) }, "the keys changed");
  }

  return {
    keys: () => keys,
    kids: () => kids,
    async sync(version, isJump = false) {
      if (version === settled && !isJump) return;
      const found = await rereadKeys(database, config, keys);
      for (const fault of found.faults) complain(fault.message);
      if (isRing(found.snapshot)) {
        await take(found.snapshot);
        // What did not open may open later: then its row changes, or this process is started anew.
        settled = found.snapshot.version;
        if (found.faults.length === 0) complaint = undefined;
        return;
      }
      const left = withoutMissing(keys, found.kids);
      if (left !== keys) await take(left);
      complain("the stored keys make no ring: the ones from before are kept");
      settled = found.snapshot.version;
    },
  };
}

function isRing(snapshot: KeyRingSnapshot): boolean {
  try {
    createKeyRing(snapshot);
    return true;
  } catch {
    return false;
  }
}

/**
 * The same keys if all of them are stored; else those that are, and their old version, so that
 * nobody takes them for the stored ones. Throws when they make no ring.
 */
function withoutMissing(keys: KeyRingSnapshot, kids: readonly string[]): KeyRingSnapshot {
  const isThere = ({ kid }: { readonly kid: string }) => kids.includes(kid);
  const signatures = keys.signatures.filter(isThere);
  const macs = keys.macs.filter(isThere);
  const count = signatures.length + macs.length;
  if (count === keys.signatures.length + keys.macs.length) return keys;
  const left = { ...keys, signatures, macs };
  createKeyRing(left);
  return left;
}

function kidsOf({ signatures, macs }: KeyRingSnapshot): readonly string[] {
  return Object.freeze([...signatures, ...macs].map(({ kid }) => kid));
}

function statesOf({ signatures, macs }: KeyRingSnapshot): string[] {
  return [...signatures, ...macs].map(({ kid, state }) => `${kid} ${state}`);
}
