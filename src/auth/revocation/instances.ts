import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../platform/clock.ts";
import { revocationLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { WaitForCluster } from "../index.ts";

/** What a process has: the log up to a number, and these keys in all of its threads. */
export interface Acknowledged {
  readonly reached: number;
  readonly kids: readonly string[];
}

/**
 * Says what this process has, and removes processes not seen for `forgottenMs`, both on the
 * database's clock.
 */
export function acknowledgement(
  instanceId: string,
  { reached, kids }: Acknowledged,
  forgottenMs: number,
): Sql {
  return sql`SELECT auth.acknowledge_instance(${instanceId}::uuid, ${reached}::bigint,
    ${kids}::text[], make_interval(secs => ${forgottenMs / 1000}))`;
}

/** True in SQL if every process that was seen of late has the key in all of its threads. */
export function loadedByEveryInstance(kid: Sql): Sql {
  return sql`NOT EXISTS (SELECT FROM auth.instances i
    WHERE i.seen_at > clock_timestamp()
        - make_interval(secs => ${revocationLimits.instanceForgottenMs / 1000})
      AND NOT ${kid} = ANY(i.loaded_kids))`;
}

export function farewell(instanceId: string): Sql {
  return sql`DELETE FROM auth.instances WHERE id = ${instanceId}::uuid`;
}

export interface ClusterOptions {
  readonly database: Pick<Database, "read">;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** The largest `staleMs` of any issuer. */
  readonly staleMsMax: number;
}

/**
 * Waits until nobody can answer from before a revocation: every process acknowledged it, or
 * so much time passed since the commit that every lease which did not see it is out. A process
 * has its row before it has its first lease, so one without a row has nothing cached that counts.
 */
export function createWaitForCluster(options: ClusterOptions): WaitForCluster {
  const { database, clock, leaseMs, staleMsMax } = options;
  const boundMs = Math.max(leaseMs, staleMsMax) + revocationLimits.clusterSlackMs;
  return async (number) => {
    const endMs = clock.monotonicMs() + boundMs;
    const bound = new AbortController();
    const boundReached = sleep(boundMs, true, { signal: bound.signal }).catch(() => true);
    let pauseMs: number = revocationLimits.clusterPollMinMs;
    try {
      while (clock.monotonicMs() < endMs) {
        // A read that hangs must not make us wait longer than the bound.
        const reached = number === undefined ? false : isAcknowledged(database, number);
        if (await Promise.race([reached, boundReached])) return;
        await Promise.race([sleep(pauseMs), boundReached]);
        pauseMs = Math.min(pauseMs * 2, revocationLimits.clusterPollMaxMs);
      }
    } finally {
      bound.abort();
    }
  };
}

async function isAcknowledged(database: Pick<Database, "read">, number: number): Promise<boolean> {
  try {
    const rows = await database.read<{ reached: boolean }>(sql`
      SELECT NOT EXISTS (
        SELECT FROM auth.instances WHERE acknowledged < ${number}::bigint) AS reached`);
    return rows[0]?.reached === true;
  } catch {
    // The revocation itself is committed; without the table only time can tell.
    return false;
  }
}
