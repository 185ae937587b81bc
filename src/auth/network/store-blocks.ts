import { throttleLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/** A network nobody may log in from. */
export interface NetworkBlock {
  readonly id: string;
  readonly network: string;
  readonly reason: string | undefined;
  /** Made by ourselves, for a time. */
  readonly isAutomatic: boolean;
  readonly createdBy: string | undefined;
  readonly createdAt: Date;
  /** Undefined: until it is removed. */
  readonly endsAt: Date | undefined;
}

interface BlockRow {
  id: string;
  network: string;
  reason: string | null;
  is_automatic: boolean;
  created_by: string | null;
  created_at: Date;
  ends_at: Date | null;
}

export interface NewBlock {
  readonly id: string;
  readonly network: string;
  readonly reason: string | undefined;
  readonly isAutomatic: boolean;
  readonly createdBy: string | undefined;
  readonly seconds: number | undefined;
}

const columns = sql`
  id, network::text, reason, is_automatic, created_by, created_at, ends_at`;

/** The blocks in force: those that somebody made before our own, then the newest first. */
export async function listBlocks(
  database: Pick<Database, "read">,
  limit: number,
): Promise<NetworkBlock[]> {
  const rows = await database.read<BlockRow>(sql`
    SELECT ${columns} FROM auth.network_blocks
     WHERE ends_at IS NULL OR ends_at > clock_timestamp()
     ORDER BY is_automatic, created_at DESC, id DESC LIMIT ${limit}`);
  return rows.map(toBlock);
}

/** An automatic one of the same network is made longer in place of a second. */
export async function insertBlock(tx: Transaction, block: NewBlock): Promise<NetworkBlock> {
  const { rows } = await tx.query<BlockRow>(sql`
    INSERT INTO auth.network_blocks (id, network, reason, is_automatic, created_by, ends_at)
    VALUES (${block.id}, network(${block.network}::inet), ${block.reason ?? null},
            ${block.isAutomatic}, ${block.createdBy ?? null},
            clock_timestamp() + make_interval(secs => ${block.seconds ?? null}::integer))
    ON CONFLICT (network) WHERE is_automatic DO UPDATE
      SET ends_at = excluded.ends_at, reason = excluded.reason
    RETURNING ${columns}`);
  return toBlock(rows[0]!);
}

/** The block that is gone now. */
export async function deleteBlock(tx: Transaction, id: string): Promise<NetworkBlock | undefined> {
  const { rows } = await tx.query<BlockRow>(
    sql`DELETE FROM auth.network_blocks WHERE id = ${id} RETURNING ${columns}`,
  );
  return rows[0] && toBlock(rows[0]);
}

/** Removes a batch of blocks past their end; returns how many went. */
export async function removeEndedBlocks(asker: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.network_blocks WHERE id IN (
      SELECT id FROM auth.network_blocks WHERE ends_at < clock_timestamp()
       LIMIT ${throttleLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}

function toBlock(row: BlockRow): NetworkBlock {
  return Object.freeze({
    id: row.id,
    network: row.network,
    reason: row.reason ?? undefined,
    isAutomatic: row.is_automatic,
    createdBy: row.created_by ?? undefined,
    createdAt: row.created_at,
    endsAt: row.ends_at ?? undefined,
  });
}
