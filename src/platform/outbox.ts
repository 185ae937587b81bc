import { newId } from "./ids.ts";
import type { Database, Transaction } from "./postgres.ts";
import { sql } from "./sql.ts";

/** An effect outside the database that is to follow a transaction. */
export interface OutboxEntry {
  /** Made anew when not given; given by who binds sealed bytes to it. */
  readonly id?: string;
  /** Which deliverer carries it out. */
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** What must not be readable in the table, sealed. */
  readonly sealed?: Buffer | undefined;
}

/**
 * Writes an effect down in the transaction of its cause: it happens if and only if the
 * transaction commits, at least once, and also when the process ends in between.
 */
export async function enqueue(
  asker: Transaction | Pick<Database, "query">,
  { id = newId(), kind, payload, sealed }: OutboxEntry,
): Promise<void> {
  await asker.query(sql`
    INSERT INTO platform.outbox (id, kind, payload, sealed)
    VALUES (${id}, ${kind}, ${JSON.stringify(payload)}::jsonb, ${sealed ?? null})`);
}

/** The same for many effects of one kind, in one statement. */
export async function enqueueEach(
  asker: Transaction | Pick<Database, "query">,
  kind: string,
  entries: readonly Required<Pick<OutboxEntry, "id" | "payload">>[],
): Promise<void> {
  if (entries.length === 0) return;
  const ids = entries.map(({ id }) => id);
  const payloads = entries.map(({ payload }) => JSON.stringify(payload));
  await asker.query(sql`
    INSERT INTO platform.outbox (id, kind, payload)
    SELECT e.id, ${kind}, e.payload::jsonb
      FROM unnest(${ids}::uuid[], ${payloads}::text[]) AS e (id, payload)`);
}
