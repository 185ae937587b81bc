import { passwordLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Language } from "../mail/language.ts";

/** Hashes of an account's passwords. */
export interface StoredPasswords {
  /** Undefined for an account that has none. */
  readonly present: string | undefined;
  /** The last ones before it, the latest first. */
  readonly former: readonly string[];
}

/** One read, the same for an account with a password and for one without. */
export async function findPasswords(
  database: Pick<Database, "read">,
  accountId: string,
  historyCount: number,
): Promise<StoredPasswords> {
  const count = Math.min(historyCount, limits.historyMaxCount);
  const rows = await database.read<{ password_hash: string; former: string[] }>(sql`
    SELECT c.password_hash,
           ARRAY(SELECT f.password_hash FROM auth.former_passwords f
                  WHERE f.account_id = c.account_id ORDER BY f.number DESC LIMIT ${count}) AS former
      FROM auth.credentials c WHERE c.account_id = ${accountId}`);
  return { present: rows[0]?.password_hash, former: rows[0]?.former ?? [] };
}

export interface Replacement {
  readonly accountId: string;
  /** What the new one was compared with; undefined: there was none. */
  readonly expected: string | undefined;
  readonly passwordHash: string;
  /** Former ones to keep, the replaced one among them. */
  readonly historyCount: number;
}

/** False when the password is not the expected one any more: nothing is changed then. */
export async function replacePassword(
  tx: Transaction,
  { accountId, expected, passwordHash, historyCount }: Replacement,
): Promise<boolean> {
  const { rowCount } = await tx.query(
    expected === undefined
      ? sql`INSERT INTO auth.credentials (account_id, password_hash)
            VALUES (${accountId}, ${passwordHash}) ON CONFLICT DO NOTHING`
      : sql`UPDATE auth.credentials
               SET password_hash = ${passwordHash}, changed_at = now(), must_change = false,
                   reminded_at = NULL
             WHERE account_id = ${accountId} AND password_hash = ${expected}`,
  );
  if (rowCount !== 1) return false;
  if (expected === undefined) return true;
  const kept = Math.min(historyCount, limits.historyMaxCount);
  if (kept > 0) {
    await tx.query(sql`
      INSERT INTO auth.former_passwords (account_id, password_hash)
      VALUES (${accountId}, ${expected})`);
  }
  await tx.query(sql`
    DELETE FROM auth.former_passwords
     WHERE account_id = ${accountId} AND number NOT IN (
       SELECT number FROM auth.former_passwords WHERE account_id = ${accountId}
        ORDER BY number DESC LIMIT ${kept})`);
  return true;
}

/** Why a right password opens no session. */
export type Lapse = "expired" | "forced";

/** Undefined: the password may be used. `expiryDays` 0: it does not get too old. */
export async function findLapse(
  tx: Transaction,
  accountId: string,
  expiryDays: number,
): Promise<Lapse | undefined> {
  const { rows } = await tx.query<{ must_change: boolean; is_old: boolean }>(sql`
    SELECT must_change,
           ${expiryDays}::int > 0
             AND changed_at + make_interval(days => ${expiryDays}::int) <= now() AS is_old
      FROM auth.credentials WHERE account_id = ${accountId}`);
  if (rows[0]?.must_change === true) return "forced";
  return rows[0]?.is_old === true ? "expired" : undefined;
}

/**
 * The password has to be changed at the next login. False: the account has none. Ending its
 * sessions is the caller's part of the transaction.
 */
export async function forcePasswordChange(tx: Transaction, accountId: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.credentials SET must_change = true WHERE account_id = ${accountId}`);
  return rowCount === 1;
}

/** An account whose password comes to its end soon. */
export interface ExpiringPassword {
  readonly accountId: string;
  readonly email: string;
  readonly name: string | undefined;
  readonly language: Language;
  readonly endsAt: Date;
}

/**
 * Marks a batch of passwords of one tenant whose owners are to be reminded, each once, and returns
 * them. Mark and mail are one transaction.
 */
export async function takeExpiring(
  tx: Transaction,
  tenantId: string,
  days: { readonly expiryDays: number; readonly reminderDays: number },
): Promise<ExpiringPassword[]> {
  const endsAt = sql`c.changed_at + make_interval(days => ${days.expiryDays}::int)`;
  const { rows } = await tx.query<ExpiringRow>(sql`
    UPDATE auth.credentials c SET reminded_at = now()
      FROM auth.accounts a
     WHERE a.id = c.account_id AND c.account_id IN (
       SELECT c.account_id
         FROM auth.credentials c JOIN auth.accounts a ON a.id = c.account_id
        WHERE a.tenant_id = ${tenantId} AND a.active AND c.reminded_at IS NULL
          AND ${endsAt} > now()
          AND ${endsAt} <= now() + make_interval(days => ${days.reminderDays}::int)
        ORDER BY c.account_id LIMIT ${limits.reminderBatchMax} FOR UPDATE OF c SKIP LOCKED)
    RETURNING c.account_id, a.email, a.name, a.language, ${endsAt} AS ends_at`);
  return rows.map(({ account_id, ends_at, name, email, language }) => ({
    accountId: account_id,
    email,
    name: name ?? undefined,
    language,
    endsAt: ends_at,
  }));
}

interface ExpiringRow {
  account_id: string;
  email: string;
  name: string | null;
  language: Language;
  ends_at: Date;
}
