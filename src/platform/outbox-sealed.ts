import { newId } from "./ids.ts";
import { enqueue, type OutboxEntry } from "./outbox.ts";
import type { Database, Transaction } from "./postgres.ts";
import type { Sealer } from "./sealer.ts";

/** An entry whose content must not be readable in the table. */
export interface SealedEntry extends Pick<OutboxEntry, "kind" | "payload"> {
  readonly content: object;
}

/** Writes an effect down with its content sealed and bound to its row. */
export async function enqueueSealed(
  asker: Transaction | Pick<Database, "query">,
  sealer: Sealer,
  { kind, payload, content }: SealedEntry,
): Promise<void> {
  const id = newId();
  const sealed = await sealer.seal(Buffer.from(JSON.stringify(content), "utf8"), contextOf(id));
  await enqueue(asker, { id, kind, payload, sealed });
}

/** What was sealed into a row. Throws when it does not open. */
export async function openEntry<T>(
  sealer: Sealer,
  row: { readonly id: string; readonly sealed: Buffer },
): Promise<T> {
  return JSON.parse((await sealer.open(row.sealed, contextOf(row.id))).toString("utf8")) as T;
}

/** What sealed content is bound to: it opens in its row and in no other. */
export const contextOf = (id: string): string => `outbox ${id}`;
