import type { Clock } from "../../platform/clock.ts";
import { randomToken } from "../../platform/ids.ts";
import { revocationLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Listener } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { INVALIDATION_CHANNEL } from "./invalidation-log.ts";

const PREFIX = "probe:";

/**
 * Finds out whether notifications reach us at all: on each new connection we notify ourselves. A
 * transaction pooler accepts LISTEN and delivers nothing.
 */
export function createProbe(clock: Clock, log: Logger) {
  let sent: { readonly payload: string; readonly atMs: number } | undefined;
  let isSent = false;
  let isHeard: boolean | undefined;

  return {
    /** Notifies ourselves, once a connection. */
    async send(listener: Pick<Listener, "query">): Promise<void> {
      if (isSent) return;
      isSent = true;
      sent = { payload: `${PREFIX}${randomToken(9)}`, atMs: clock.monotonicMs() };
      const { payload } = sent;
      await listener.query(sql.unnamed(sql`SELECT pg_notify(${INVALIDATION_CHANNEL}, ${payload})`));
    },
    /** True if the payload is a probe, ours or another process's, and no news of the log. */
    hear(payload: string): boolean {
      if (payload === sent?.payload) {
        isHeard = true;
        sent = undefined;
      }
      return payload.startsWith(PREFIX);
    },
    /** Says so, once a connection, when our notification did not come back in time. */
    check(): void {
      if (sent === undefined || clock.monotonicMs() - sent.atMs < revocationLimits.probeMs) return;
      sent = undefined;
      isHeard = false;
      log.warn(
        { event: "bus_deaf", pollMs: revocationLimits.pollMs },
        "no notifications arrive (a transaction pooler?): revocations travel by polling alone",
      );
    },
    /** The connection is gone: nothing more will be heard on it. */
    forget(): void {
      sent = undefined;
      isSent = false;
    },
    isHeard: () => isHeard,
  };
}

export type Probe = ReturnType<typeof createProbe>;
