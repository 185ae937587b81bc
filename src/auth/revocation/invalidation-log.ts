import { platformErrors } from "../../platform/errors.ts";
import { revocationLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { Invalidate, InvalidationKey } from "../index.ts";
import { keyVersion } from "../keys/store-rows.ts";
import { createGlobalBudget } from "./global-budget.ts";
import { readKeys } from "./invalidation-keys.ts";

/** The channel that `auth.append_invalidation` notifies; the payload is the entry's number. */
export const INVALIDATION_CHANNEL = "brigade_invalidation";

export interface InvalidateOptions {
  /** Of this process: bumped after the commit, before the transaction's promise resolves. */
  readonly generations: { bump(key: InvalidationKey): void };
  /** Asked before everything is dropped at once; false refuses the transaction. */
  readonly allowGlobal?: () => boolean;
}

/**
 * Makes the one way to take something away. Appending and notifying leave in the flush of COMMIT,
 * so the ordering lock is never held across a round trip of ours. Bumping before the commit would
 * let a fill that starts in between store the old row under the new generation.
 *
 * @throws `overloaded` from the returned function when a global word is not allowed now
 */
export function createInvalidate(options: InvalidateOptions): Invalidate {
  const { generations, allowGlobal = createGlobalBudget() } = options;
  return (tx, keys) => {
    const receipt: { number: number | undefined } = { number: undefined };
    if (keys.length === 0) return receipt;
    if (keys.length > revocationLimits.keysMax) {
      throw new RangeError(`at most ${revocationLimits.keysMax} keys an entry: append in batches`);
    }
    if (keys.some((key) => key.kind === "global") && !allowGlobal()) {
      throw platformErrors.failure("overloaded", {
        note: "too many global invalidations",
        headers: { "retry-after": String(revocationLimits.globalRetryAfterSeconds) },
      });
    }
    // Literals only: the statement travels in one message with COMMIT.
    const entry = sql.literal(JSON.stringify(keys));
    tx.atCommit(sql`SELECT auth.append_invalidation(${entry}::jsonb) AS number`, (rows) => {
      receipt.number = Number(rows[0]?.["number"]);
    });
    tx.afterCommit(() => {
      for (const key of keys) generations.bump(key);
    });
    return receipt;
  };
}

/** One entry of the log. `mark` tells it from another entry that got the same number. */
export interface LogEntry {
  readonly number: number;
  readonly mark: string;
  readonly keys: readonly InvalidationKey[];
}

/** What one read of the log tells, all of one moment. */
export interface LogPage {
  readonly incarnation: string;
  /** The server follows another one: what we read may be old. */
  readonly isStandby: boolean;
  readonly trimmedTo: number;
  readonly highest: number;
  readonly highestMark: string | undefined;
  /** Mark of the entry at the position asked for; undefined when it is not there. */
  readonly positionMark: string | undefined;
  /** Entries above the position, in order, at most `pageEntriesMax`. */
  readonly entries: readonly LogEntry[];
  /** Number of changes of the stored keys. */
  readonly keyVersion: number;
}

// Microseconds since the epoch: the same text in every time zone a connection may have.
const MARK = sql`extract(epoch FROM logged_at)::text`;

/** Reads the log above `position`; with no position only where it stands. */
export function pageStatement(position: number | undefined): Sql {
  return sql`
    SELECT auth.log_incarnation() AS incarnation, pg_is_in_recovery() AS standby,
      ${keyVersion} AS key_version,
      state.trimmed_to, greatest(top.number, state.trimmed_to) AS highest, top.mark AS highest_mark,
      (SELECT ${MARK} FROM auth.invalidation_log
        WHERE number = ${position ?? null}::bigint) AS position_mark,
      (SELECT json_agg(json_build_array(number, ${MARK}, keys) ORDER BY number)
        FROM (SELECT number, logged_at, keys FROM auth.invalidation_log
          WHERE number > ${position ?? null}::bigint
          ORDER BY number LIMIT ${revocationLimits.pageEntriesMax}) AS newer) AS entries
    FROM auth.log_state AS state
    LEFT JOIN (SELECT number, ${MARK} AS mark FROM auth.invalidation_log
      ORDER BY number DESC LIMIT 1) AS top ON true`;
}

interface PageRow {
  readonly incarnation: string;
  readonly standby: boolean;
  readonly key_version: string | null;
  readonly trimmed_to: string;
  readonly highest: string;
  readonly highest_mark: string | null;
  readonly position_mark: string | null;
  readonly entries: readonly (readonly [number, string, unknown])[] | null;
}

/** @throws Error when the log's state row is missing: then nothing may be trusted */
export function readPage(rows: readonly unknown[]): LogPage {
  const row = rows[0] as PageRow | undefined;
  if (row === undefined) throw new Error("auth.log_state has no row");
  return {
    incarnation: row.incarnation,
    isStandby: row.standby,
    keyVersion: Number(row.key_version ?? 0),
    trimmedTo: Number(row.trimmed_to),
    highest: Number(row.highest),
    highestMark: row.highest_mark ?? undefined,
    positionMark: row.position_mark ?? undefined,
    entries: (row.entries ?? []).map(([number, mark, keys]) => ({
      number,
      mark,
      keys: readKeys(keys),
    })),
  };
}

/**
 * Removes log entries older than an hour, and revoked tokens that have expired. One process at a
 * time, one batch a call; returns how many went, so that a caller may go on while it is not 0.
 */
export async function trimInvalidations(database: Pick<Database, "query">): Promise<number> {
  const { keptSeconds, trimBatchMax } = revocationLimits;
  const trimmed = await database.query<{ gone: string }>(
    sql`SELECT auth.trim_invalidations(make_interval(secs => ${keptSeconds}), ${trimBatchMax}) AS gone`,
  );
  const tokens = await database.query(sql`
    DELETE FROM auth.revoked_tokens WHERE (token_id, tenant_id) IN (
      SELECT token_id, tenant_id FROM auth.revoked_tokens
      WHERE expires_at < now() - make_interval(secs => ${revocationLimits.expiredTokenKeptSeconds})
      LIMIT ${trimBatchMax} FOR UPDATE SKIP LOCKED)`);
  return Number(trimmed.rows[0]?.gone ?? 0) + tokens.rowCount;
}
