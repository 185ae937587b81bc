import { outboxLimits as limits } from "./limits.ts";
import type { Database, Transaction } from "./postgres.ts";
import { sql } from "./sql.ts";

/** An entry that this process has in hand until its lease is out. */
export interface TakenEntry {
  readonly id: string;
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly sealed: Buffer | undefined;
  /** This one included. Also tells this taking from a later one by somebody else. */
  readonly attempt: number;
}

type Asker = Pick<Database, "query">;

/**
 * Takes what is due, the longest due first. Of several processes each gets other entries; what a
 * dead one had in hand is due again when its lease is out.
 */
export async function takeDue(
  asker: Asker,
  kinds: readonly string[],
  leaseSeconds: number = limits.leaseSeconds,
): Promise<TakenEntry[]> {
  const { rows } = await asker.query<{
    id: string;
    kind: string;
    payload: Record<string, unknown>;
    sealed: Buffer | null;
    attempts: number;
  }>(sql`
    UPDATE platform.outbox AS o
       SET attempts = o.attempts + 1,
           due_at = clock_timestamp() + make_interval(secs => ${leaseSeconds})
     WHERE o.id = ANY(ARRAY(
       SELECT id FROM platform.outbox
        WHERE done_at IS NULL AND given_up_at IS NULL AND due_at <= clock_timestamp()
          AND kind = ANY(${[...kinds]}::text[])
        ORDER BY due_at, id LIMIT ${limits.batchMax} FOR UPDATE SKIP LOCKED))
    RETURNING o.id, o.kind, o.payload, o.sealed, o.attempts`);
  return rows.map(({ id, kind, payload, sealed, attempts }) => ({
    id,
    kind,
    payload,
    sealed: sealed ?? undefined,
    attempt: attempts,
  }));
}

/** Nothing but the fact is kept, unless the content is asked for (`keep`). */
export async function markDone(asker: Asker, entry: TakenEntry, keep: boolean): Promise<void> {
  await asker.query(sql`
    UPDATE platform.outbox
       SET done_at = clock_timestamp(), last_error = NULL,
           sealed = CASE WHEN ${keep}::boolean THEN sealed END
     WHERE id = ${entry.id} AND attempts = ${entry.attempt} AND done_at IS NULL`);
}

/** Due again later. `reason` holds no address and no text of the other side. */
export async function postpone(
  asker: Asker,
  entry: TakenEntry,
  seconds: number,
  reason: string,
): Promise<void> {
  await asker.query(sql`
    UPDATE platform.outbox
       SET due_at = clock_timestamp() + make_interval(secs => ${seconds}),
           last_error = ${reason.slice(0, limits.errorMaxCharacters)}
     WHERE id = ${entry.id} AND attempts = ${entry.attempt} AND done_at IS NULL`);
}

/** Nobody tried: the attempt does not count. */
export async function putBack(asker: Asker, entry: TakenEntry, seconds: number): Promise<void> {
  await asker.query(sql`
    UPDATE platform.outbox
       SET attempts = attempts - 1,
           due_at = clock_timestamp() + make_interval(secs => ${seconds})
     WHERE id = ${entry.id} AND attempts = ${entry.attempt} AND done_at IS NULL`);
}

export async function giveUp(asker: Asker, entry: TakenEntry, reason: string): Promise<void> {
  await asker.query(sql`
    UPDATE platform.outbox
       SET given_up_at = clock_timestamp(), sealed = NULL,
           last_error = ${reason.slice(0, limits.errorMaxCharacters)}
     WHERE id = ${entry.id} AND attempts = ${entry.attempt} AND done_at IS NULL`);
}

/** Gives up what waited for too long, whoever should have delivered it; returns how many. */
export async function giveUpStale(asker: Asker): Promise<number> {
  const { rowCount } = await asker.query(sql`
    UPDATE platform.outbox
       SET given_up_at = clock_timestamp(), sealed = NULL,
           last_error = coalesce(last_error, 'nobody delivered it')
     WHERE id = ANY(ARRAY(
       SELECT id FROM platform.outbox
        WHERE done_at IS NULL AND given_up_at IS NULL
          AND created_at < clock_timestamp() - make_interval(secs => ${limits.pendingMaxSeconds})
        LIMIT ${limits.cleanBatchMax} FOR UPDATE SKIP LOCKED))`);
  return rowCount;
}

/** Removes a batch of entries that are over for long; returns how many went. */
export async function removeFinished(asker: Asker): Promise<number> {
  const age = sql`clock_timestamp() - make_interval(secs => ${limits.doneKeptSeconds})`;
  const { rowCount } = await asker.query(sql`
    DELETE FROM platform.outbox WHERE id = ANY(ARRAY(
      SELECT id FROM platform.outbox WHERE done_at < ${age} OR given_up_at < ${age}
       LIMIT ${limits.cleanBatchMax} FOR UPDATE SKIP LOCKED))`);
  return rowCount;
}

/** Entries that wait, and the age of the oldest. */
export async function countWaiting(
  asker: Asker,
): Promise<{ count: number; oldestSeconds: number }> {
  const { rows } = await asker.query<{ count: number; seconds: number | null }>(sql`
    SELECT count(*)::int AS count,
           extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS seconds
      FROM platform.outbox WHERE done_at IS NULL AND given_up_at IS NULL`);
  return { count: rows[0]!.count, oldestSeconds: Math.max(0, rows[0]!.seconds ?? 0) };
}

/** Everything that was to be sent to somebody or was, of whom nothing may stay. */
export async function forgetEntriesOf(
  asker: Asker | Transaction,
  accountId: string,
): Promise<void> {
  await asker.query(sql`
    DELETE FROM platform.outbox WHERE payload ->> 'account_id' = ${accountId}`);
}

/** A mail as the development mailbox finds it. */
export interface KeptEntry {
  readonly id: string;
  readonly sealed: Buffer;
  readonly createdAt: Date;
}

/** The newest entries of a kind whose content is still there. */
export async function listKept(asker: Asker, kind: string, limit: number): Promise<KeptEntry[]> {
  const { rows } = await asker.query<{ id: string; sealed: Buffer; created_at: Date }>(sql`
    SELECT id, sealed, created_at FROM platform.outbox
     WHERE kind = ${kind} AND sealed IS NOT NULL
     ORDER BY created_at DESC, id DESC LIMIT ${limit}`);
  return rows.map(({ id, sealed, created_at: createdAt }) => ({ id, sealed, createdAt }));
}
