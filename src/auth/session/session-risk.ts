import { WEIGHTS, type Signal } from "../risk/signals.ts";
import { SESSION_FLAGS, type SessionFlag } from "./changes.ts";
import type { Session } from "./store.ts";

/** What is kept on a session beside its changes: signals of its login, and uses of its token. */
export type SessionRisk = Signal | "device_mismatch";

/** All reasons that a session may have. */
export const RISK_REASONS = Object.freeze([
  ...(Object.keys(WEIGHTS) as Signal[]),
  "device_mismatch",
  ...SESSION_FLAGS,
] as const);

/** What is unusual about a session, for whoever looks at a list of them. */
export interface RiskMark {
  readonly flagged: boolean;
  readonly reasons: readonly (SessionRisk | SessionFlag)[];
}

/** People change networks all day: that alone is a reason to look at, and no flag. */
export function riskMarkOf({ risk, flags }: Pick<Session, "risk" | "flags">): RiskMark {
  const reasons = [...risk, ...flags];
  return { flagged: reasons.some((reason) => reason !== "network_changed"), reasons };
}
