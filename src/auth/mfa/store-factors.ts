import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { toLanguage, type Language } from "../mail/language.ts";

/** Whom a mail about an account goes to. */
export interface Recipient {
  readonly email: string;
  readonly name: string | undefined;
  readonly language: Language;
}

export async function findRecipient(tx: Transaction, accountId: string): Promise<Recipient> {
  const { rows } = await tx.query<{ email: string; name: string | null; language: string | null }>(
    sql`SELECT email, name, language FROM auth.accounts WHERE id = ${accountId}`,
  );
  const { email, name, language } = rows[0]!;
  return { email, name: name ?? undefined, language: toLanguage(language) };
}

/** Locks the account until the end of the transaction; false for none that is active. */
export async function holdAccount(tx: Transaction, accountId: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    sql`SELECT FROM auth.accounts WHERE id = ${accountId} AND active FOR UPDATE`,
  );
  return rowCount === 1;
}

/** Writes down which kinds of factor the account has now; the caller holds the account. */
export async function refreshFactors(tx: Transaction, accountId: string): Promise<string[]> {
  const has = (kind: string, table: ReturnType<typeof sql>) => sql`
    CASE WHEN EXISTS (SELECT FROM ${table} f WHERE f.account_id = a.id) THEN ${kind}::text END`;
  const { rows } = await tx.query<{ factors: string[] }>(sql`
    UPDATE auth.accounts AS a
       SET factor_version = a.factor_version + 1,
           factors = array_remove(ARRAY[${has("totp", sql`auth.totp`)},
                                        ${has("passkey", sql`auth.passkeys`)}], NULL)
     WHERE a.id = ${accountId} RETURNING a.factors`);
  return rows[0]?.factors ?? [];
}
