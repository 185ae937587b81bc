import type { CountryOf } from "../network/country.ts";
import { coarseNetworkOf } from "../throttle/network.ts";
import { describeDevice } from "./device.ts";
import type { Caller } from "./open.ts";

/** In what a session's use differs from its use before. Kept on the session, shown in the list. */
export const SESSION_FLAGS = ["network_changed", "country_changed", "agent_changed"] as const;
export type SessionFlag = (typeof SESSION_FLAGS)[number];

/** Where a session is used, as coarse as it is kept: IPv4 /24, country, program and system. */
export interface SeenPlace {
  readonly network: string | undefined;
  readonly country: string | undefined;
  readonly agent: string | undefined;
}

/** The place of a caller. Who hides its program is seen as an unknown one. */
export async function seenPlaceOf(caller: Caller, countryOf: CountryOf): Promise<SeenPlace> {
  return {
    network: coarseNetworkOf(caller.address),
    country: caller.country ?? (await countryOf(caller.address)),
    agent: describeDevice(undefined, caller.userAgent) ?? "unknown",
  };
}

const FIELDS = ["network", "country", "agent"] as const;

/** What changed from one place to another. What either of them does not know is no change. */
export function changesOf(before: SeenPlace, now: SeenPlace): SessionFlag[] {
  return FIELDS.filter(
    (field) =>
      before[field] !== undefined && now[field] !== undefined && before[field] !== now[field],
  ).map((field) => `${field}_changed` as const);
}

/** A change as the audit log words it: what it was, and what it is. */
export function describeChanges(before: SeenPlace, now: SeenPlace): string {
  return changesOf(before, now)
    .map((flag) => flag.slice(0, -"_changed".length) as keyof SeenPlace)
    .map((field) => `${field}: ${before[field]} to ${now[field]}`)
    .join(", ");
}

// People change networks all day, and countries and programs hardly ever within one session.
const WEIGHTS: Readonly<Record<SessionFlag, number>> = {
  network_changed: 10,
  country_changed: 40,
  agent_changed: 30,
};

/** A session whose refreshes prove the device cannot have left it. */
const WITHOUT_DEVICE = 15;

/** From 0 to 100: how much the session looks like the one that was opened. A hint, no decision. */
export function trustOf(flags: readonly SessionFlag[], hasDeviceProof: boolean): number {
  const lost = flags.reduce((sum, flag) => sum + WEIGHTS[flag], 0);
  return Math.max(0, 100 - lost - (hasDeviceProof ? 0 : WITHOUT_DEVICE));
}
