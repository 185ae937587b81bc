import { turnKeys } from "../auth/keys/rotation.ts";
import type { Config } from "../platform/config.ts";
import { keyLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { Job } from "./jobs.ts";

const DAY_MS = 86_400_000;

/** Looks at the time of the keys, in a rhythm that suits the settings. */
export function keyJob(config: Config, log: Logger): Job {
  return {
    name: "turn the keys",
    everyMs: keyTurnMs(config),
    run: (database) => turnKeys({ database, config, log }),
  };
}

/** A quarter of the shortest time that a key waits for, and never long for one that is asked for. */
function keyTurnMs({ keyRotationDays, jwksMaxAgeSeconds }: Config): number {
  const waitsMs = [keyRotationDays * DAY_MS, jwksMaxAgeSeconds * 1000].filter((ms) => ms > 0);
  const { turnMinMs, turnMaxMs } = keyLimits;
  return Math.max(turnMinMs, Math.min(turnMaxMs, ...waitsMs.map((ms) => ms / 4)));
}
