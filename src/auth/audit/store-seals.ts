import { auditLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { NO_TENANT_CHAIN, type EventText } from "./chain.ts";

/** How far the log is sealed. */
export interface Sealer {
  readonly settled: number;
  readonly marked: number;
  /** Whatever was under way when `marked` was taken is over. */
  readonly isMarkOld: boolean;
  /** Text, as the database gave it: `-infinity` at first. */
  readonly month: string;
}

export interface UnsealedEvent extends EventText {
  readonly month: string;
  /** Its month has begun, and no event of the month before can still come. */
  readonly is_due: boolean;
}

export interface Head {
  readonly chain: string;
  readonly position: number;
  readonly hash: Buffer;
}

export interface Seal extends Head {
  readonly number: number;
  readonly at: string;
}

/** A sealed place of a chain and the event there, when it is still there. */
export interface SealedEvent {
  readonly position: number;
  readonly hash: Buffer;
  readonly sealed_number: number;
  readonly event: EventText | undefined;
}

type Asker = Pick<Transaction, "query">;

const EVENT: Sql = sql`e.number,
  to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
  e.action, e.actor, e.subject, e.tenant_id, e.session_id, e.reason, e.request_id, e.network,
  e.country, e.device`;
const UNSEALED: Sql = sql`NOT EXISTS (
  SELECT FROM auth.audit_seals AS s WHERE s.number = e.number AND s.at = e.at)`;
const lateness: Sql = sql`make_interval(secs => ${auditLimits.latenessSeconds})`;

/** Takes the one place of a sealer until the transaction ends; undefined when another has it. */
export async function takeSealer(tx: Asker): Promise<Sealer | undefined> {
  const { rows } = await tx.query<Sealer>(sql`
    SELECT settled, marked, marked_at < clock_timestamp() - ${lateness} AS "isMarkOld",
      month::text AS month
    FROM auth.audit_sealer FOR UPDATE SKIP LOCKED`);
  return rows[0];
}

export async function readUnsealed(
  tx: Asker,
  { settled, month }: Sealer,
  limit: number,
): Promise<UnsealedEvent[]> {
  const { rows } = await tx.query<UnsealedEvent>(sql`
    SELECT ${EVENT}, auth.audit_month(e.at)::text AS month,
      e.at < auth.audit_month(clock_timestamp() - ${lateness}, 1) AS is_due
    FROM auth.audit_log AS e
    WHERE e.number > ${settled} AND e.at >= ${month}::timestamptz AND ${UNSEALED}
    ORDER BY auth.audit_month(e.at), e.number LIMIT ${limit}`);
  return rows;
}

export async function readHeads(tx: Asker, chains: readonly string[]): Promise<Head[]> {
  const { rows } = await tx.query<Head>(sql`
    SELECT chain, position, hash FROM auth.audit_heads WHERE chain = ANY(${chains}::uuid[])`);
  return rows;
}

/** Writes seals, the new heads of their chains, and how far the log is sealed now. */
export async function writeSeals(
  tx: Asker,
  seals: readonly Seal[],
  heads: readonly Head[],
): Promise<void> {
  await tx.query(sql`
    INSERT INTO auth.audit_seals (chain, position, number, at, hash)
    SELECT * FROM unnest(${seals.map((seal) => seal.chain)}::uuid[],
      ${seals.map((seal) => seal.position)}::bigint[], ${seals.map((seal) => seal.number)}::bigint[],
      ${seals.map((seal) => seal.at)}::timestamptz[], ${seals.map((seal) => seal.hash)}::bytea[])`);
  await tx.query(sql`
    INSERT INTO auth.audit_heads (chain, position, hash)
    SELECT * FROM unnest(${heads.map((head) => head.chain)}::uuid[],
      ${heads.map((head) => head.position)}::bigint[], ${heads.map((head) => head.hash)}::bytea[])
    ON CONFLICT (chain) DO UPDATE SET position = EXCLUDED.position, hash = EXCLUDED.hash`);
}

export async function moveSealer(
  tx: Asker,
  next: { settled: number; marked: number; isMarkedNow: boolean; month: string },
): Promise<void> {
  await tx.query(sql`
    UPDATE auth.audit_sealer SET settled = ${next.settled}, marked = ${next.marked},
      marked_at = CASE WHEN ${next.isMarkedNow} THEN clock_timestamp() ELSE marked_at END,
      month = ${next.month}::timestamptz`);
}

/** Every chain with its head and with where it begins. */
export async function listChains(
  tx: Asker,
): Promise<{ chain: string; head: Head | undefined; checkpoint: Head | undefined }[]> {
  const { rows } = await tx.query<{
    chain: string;
    position: number | null;
    hash: Buffer | null;
    cut_position: number | null;
    cut_hash: Buffer | null;
  }>(sql`
    SELECT chain, h.position, h.hash, c.position AS cut_position, c.hash AS cut_hash
    FROM (SELECT chain FROM auth.audit_seals
      UNION SELECT chain FROM auth.audit_heads UNION SELECT chain FROM auth.audit_checkpoints
      UNION SELECT coalesce(tenant_id, ${NO_TENANT_CHAIN}::uuid) FROM auth.audit_log) AS chains
    LEFT JOIN auth.audit_heads AS h USING (chain)
    LEFT JOIN auth.audit_checkpoints AS c USING (chain) ORDER BY chain`);
  const toHead = (chain: string, position: number | null, hash: Buffer | null) =>
    position === null || hash === null ? undefined : { chain, position, hash };
  return rows.map((row) => ({
    chain: row.chain,
    head: toHead(row.chain, row.position, row.hash),
    checkpoint: toHead(row.chain, row.cut_position, row.cut_hash),
  }));
}

/** Places of a chain behind `position`, in order; a place that is there twice comes twice. */
export async function readSealed(
  tx: Asker,
  chain: string,
  position: number,
  limit: number,
): Promise<SealedEvent[]> {
  type Row = Omit<SealedEvent, "event"> & EventText;
  const { rows } = await tx.query<Row>(sql`
    SELECT s.position, s.hash, s.number AS sealed_number, ${EVENT}
    FROM auth.audit_seals AS s
    LEFT JOIN auth.audit_log AS e ON e.number = s.number AND e.at = s.at
    WHERE s.chain = ${chain} AND s.position > ${position}
    ORDER BY s.position, s.at LIMIT ${limit}`);
  return rows.map((row) => ({
    position: row.position,
    hash: row.hash,
    sealed_number: row.sealed_number,
    // Without an event its columns are null, whatever their type says.
    event: (row.number as number | null) === null ? undefined : row,
  }));
}

/** Events of a chain that no seal can come to any more, and how many still wait for theirs. */
export async function readUnsealable(
  tx: Asker,
  chain: string,
): Promise<{ first: EventText | undefined; waiting: number }> {
  const ofChain =
    chain === NO_TENANT_CHAIN ? sql`e.tenant_id IS NULL` : sql`e.tenant_id = ${chain}`;
  const { rows } = await tx.query<EventText>(sql`
    SELECT ${EVENT} FROM auth.audit_log AS e, auth.audit_sealer AS w
    WHERE ${ofChain} AND ${UNSEALED} AND (e.number <= w.settled OR e.at < w.month)
    ORDER BY e.number LIMIT 1`);
  const counted = await tx.query<{ waiting: number }>(sql`
    SELECT count(*) AS waiting FROM auth.audit_log AS e, auth.audit_sealer AS w
    WHERE ${ofChain} AND ${UNSEALED} AND e.number > w.settled AND e.at >= w.month`);
  return { first: rows[0], waiting: counted.rows[0]?.waiting ?? 0 };
}

/** Whether an event of this chain says that it was cut at this checkpoint. */
export async function isCheckpointTold(
  tx: Asker,
  { chain, position, hash }: Head,
): Promise<boolean> {
  const told = `${position}:${hash.toString("hex")}`;
  const ofChain = chain === NO_TENANT_CHAIN ? sql`tenant_id IS NULL` : sql`tenant_id = ${chain}`;
  const { rows } = await tx.query(sql`
    SELECT FROM auth.audit_log WHERE action = 'audit.drop' AND ${ofChain}
      AND split_part(reason, ' ', 2) = ${told} LIMIT 1`);
  return rows.length > 0;
}

/** Tells how long the oldest event has waited for its seal; 0 when none waits. */
export async function sealDelaySeconds(database: Pick<Database, "read">): Promise<number> {
  const [row] = await database.read<{ seconds: number | null }>(sql`
    SELECT extract(epoch FROM clock_timestamp() - min(e.at))::float8 AS seconds
    FROM auth.audit_log AS e, auth.audit_sealer AS w
    WHERE e.number > w.settled AND e.at >= w.month AND ${UNSEALED}`);
  return Math.max(0, row?.seconds ?? 0);
}
