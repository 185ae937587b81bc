import type { Principal } from "../../http/principal.ts";
import type { Rejection } from "../../platform/errors.ts";

/** The end of a flight: what its own request is answered, and whether others may be, too. */
export interface Verdict {
  readonly outcome: Principal | Rejection;
  /** False when something it depends on was revoked, or granted, since the flight began. */
  isCurrent(): boolean;
}

/** For outcomes that depend on nothing that can be revoked. */
export function lastingVerdict(outcome: Rejection): Verdict {
  return { outcome, isCurrent: () => true };
}
