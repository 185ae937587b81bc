import type { Clock } from "../../platform/clock.ts";
import { networkOf } from "../../http/forwarded.ts";
import { admissionLimits } from "../../platform/limits.ts";

/**
 * Counts bad signatures, or names of keys that nobody has, against the network they come from, so
 * that nobody buys verifications or waiting with garbage for long. Per thread and bounded: the oldest network is forgotten first. The empty
 * address is nobody's: tokens that a trusted service asks about are not counted against it.
 */
export interface BadSignatures {
  /** Seconds until tokens we do not know yet are looked at again; 0 = now. */
  retryAfterSeconds(address: string): number;
  charge(address: string): void;
}

interface Window {
  readonly endsAtMs: number;
  count: number;
}

export function createBadSignatures(clock: Clock): BadSignatures {
  const { badSignaturesMax, badSignatureWindowMs, badSignatureNetworksMax } = admissionLimits;
  const windows = new Map<string, Window>();

  return {
    retryAfterSeconds(address) {
      // Nearly always nobody is counted at all.
      if (windows.size === 0) return 0;
      const window = windows.get(networkOf(address));
      if (window === undefined || window.count < badSignaturesMax) return 0;
      return Math.max(0, Math.ceil((window.endsAtMs - clock.monotonicMs()) / 1000));
    },
    charge(address) {
      if (address === "") return;
      const network = networkOf(address);
      const nowMs = clock.monotonicMs();
      const window = windows.get(network);
      if (window !== undefined && window.endsAtMs > nowMs) {
        window.count++;
        return;
      }
      // Deleted first: a renewed window goes to the end of the queue of the oldest.
      windows.delete(network);
      if (windows.size >= badSignatureNetworksMax) windows.delete(windows.keys().next().value!);
      windows.set(network, { endsAtMs: nowMs + badSignatureWindowMs, count: 1 });
    },
  };
}
