import type { Database, Transaction } from "./postgres.ts";
import type { ResealedRows, SealedCount, SealedPage, SealedRow } from "./sealer.ts";
import { sql } from "./sql.ts";

type Asker = Pick<Database, "query">;

/** A sealed text begins with the name of the key that sealed it. */
const text = sql`convert_from(o.sealed, 'UTF8')`;
const keyOf = sql`split_part(${text}, '.', 2)`;

/** Entries whose content another key-encryption key than this one sealed, in the order of ids. */
export async function pageSealedByOthers(
  asker: Asker,
  { keyId, after, limit }: SealedPage,
): Promise<SealedRow[]> {
  const { rows } = await asker.query<SealedRow>(sql`
    SELECT o.id, ${text} AS sealed FROM platform.outbox o
     WHERE o.sealed IS NOT NULL AND ${keyOf} <> ${keyId} AND o.id > ${after}::uuid
     ORDER BY o.id LIMIT ${limit}`);
  return rows;
}

/** Replaces contents that are still the same; returns how many were. */
export async function replaceSealed(
  tx: Transaction,
  { ids, before, now }: ResealedRows,
): Promise<number> {
  const { rowCount } = await tx.query(sql`
    UPDATE platform.outbox AS o SET sealed = convert_to(r.now, 'UTF8')
      FROM unnest(${[...ids]}::uuid[], ${[...before]}::text[], ${[...now]}::text[])
           AS r (id, before, now)
     WHERE o.id = r.id AND o.sealed = convert_to(r.before, 'UTF8')`);
  return rowCount;
}

/** How many contents each key-encryption key sealed. */
export async function countSealed(asker: Asker): Promise<SealedCount[]> {
  const { rows } = await asker.query<SealedCount>(sql`
    SELECT ${keyOf} AS "keyId", count(*)::int AS count
      FROM platform.outbox o WHERE o.sealed IS NOT NULL GROUP BY 1`);
  return rows;
}
