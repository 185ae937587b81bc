import { mfaLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { ResealedRows, SealedCount, SealedPage, SealedRow } from "../../platform/sealer.ts";
import { sql } from "../../platform/sql.ts";

type Asker = Pick<Database, "query"> | Transaction;

/** Keeps a generator that is to be confirmed; what was to be confirmed before is forgotten. */
export async function saveEnrolment(
  asker: Asker,
  enrolment: { readonly accountId: string; readonly owner: string; readonly sealed: string },
): Promise<void> {
  const { accountId, owner, sealed } = enrolment;
  const end = sql`clock_timestamp() + make_interval(secs => ${limits.enrolmentSeconds})`;
  await asker.query(sql`
    INSERT INTO auth.totp_enrolments AS e (account_id, owner, sealed, expires_at)
    VALUES (${accountId}, ${owner}, ${sealed}, ${end})
    ON CONFLICT (account_id) DO UPDATE
      SET owner = excluded.owner, sealed = excluded.sealed, expires_at = excluded.expires_at`);
}

/** The sealed secret that this owner was shown. */
export async function findEnrolment(
  asker: Asker,
  accountId: string,
  owner: string,
): Promise<string | undefined> {
  const { rows } = await asker.query<{ sealed: string }>(sql`
    SELECT sealed FROM auth.totp_enrolments
     WHERE account_id = ${accountId} AND owner = ${owner} AND expires_at > clock_timestamp()`);
  return rows[0]?.sealed;
}

/**
 * Makes what was shown the account's generator, its first code being taken. False when it is not
 * there any more: confirmed by another request, or replaced.
 */
export async function confirmEnrolment(
  tx: Transaction,
  accountId: string,
  sealed: string,
  step: number,
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    WITH gone AS (
      DELETE FROM auth.totp_enrolments
       WHERE account_id = ${accountId} AND sealed = ${sealed} RETURNING account_id, sealed)
    INSERT INTO auth.totp AS t (account_id, sealed, last_step)
    SELECT account_id, sealed, ${step}::bigint FROM gone
    ON CONFLICT (account_id) DO UPDATE
      SET sealed = excluded.sealed, last_step = excluded.last_step, confirmed_at = now()`);
  return rowCount === 1;
}

/** When it was confirmed, and the sealed secret. */
export async function findTotp(
  asker: Asker,
  accountId: string,
): Promise<{ sealed: string; confirmedAt: Date } | undefined> {
  const { rows } = await asker.query<{ sealed: string; confirmed_at: Date }>(sql`
    SELECT sealed, confirmed_at FROM auth.totp WHERE account_id = ${accountId}`);
  return rows[0] && { sealed: rows[0].sealed, confirmedAt: rows[0].confirmed_at };
}

/**
 * Takes a code: of any number of parallel callers one gets its step, and nobody a step before it.
 * `resealed` replaces the text that it was opened from.
 */
export async function takeStep(
  tx: Transaction,
  accountId: string,
  { sealed, step, resealed }: { sealed: string; step: number; resealed: string },
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.totp SET last_step = ${step}, sealed = ${resealed}
     WHERE account_id = ${accountId} AND sealed = ${sealed} AND last_step < ${step}`);
  return rowCount === 1;
}

/** Removes a batch of generators that nobody confirmed in time; returns how many went. */
export async function removeExpiredEnrolments(asker: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.totp_enrolments WHERE account_id IN (
      SELECT account_id FROM auth.totp_enrolments WHERE expires_at < clock_timestamp()
       LIMIT ${limits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}

export async function deleteTotp(tx: Transaction, accountId: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql`DELETE FROM auth.totp WHERE account_id = ${accountId}`);
  return rowCount === 1;
}

/** Confirmed generators, and those that wait for their first code. */
export type TotpTable = "totp" | "totp_enrolments";

const tableOf = (table: TotpTable) =>
  table === "totp" ? sql`auth.totp` : sql`auth.totp_enrolments`;

/** Secrets that another key-encryption key than this one sealed, in the order of their accounts. */
export async function pageSealedByOthers(
  asker: Asker,
  table: TotpTable,
  { keyId, after, limit }: SealedPage,
): Promise<SealedRow[]> {
  const { rows } = await asker.query<SealedRow>(sql`
    SELECT account_id AS id, sealed FROM ${tableOf(table)}
     WHERE split_part(sealed, '.', 2) <> ${keyId} AND account_id > ${after}::uuid
     ORDER BY account_id LIMIT ${limit}`);
  return rows;
}

/** Replaces sealed texts that are still the same; returns how many were. */
export async function replaceSealed(
  tx: Transaction,
  table: TotpTable,
  { ids, before, now }: ResealedRows,
): Promise<number> {
  const { rowCount } = await tx.query(sql`
    UPDATE ${tableOf(table)} AS t SET sealed = r.now
      FROM unnest(${[...ids]}::uuid[], ${[...before]}::text[], ${[...now]}::text[])
           AS r (id, before, now)
     WHERE t.account_id = r.id AND t.sealed = r.before`);
  return rowCount;
}

/** How many secrets each key-encryption key sealed. */
export async function countSealed(asker: Asker, table: TotpTable): Promise<SealedCount[]> {
  const { rows } = await asker.query<SealedCount>(sql`
    SELECT split_part(sealed, '.', 2) AS "keyId", count(*)::int AS count
      FROM ${tableOf(table)} GROUP BY 1`);
  return rows;
}
