import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { AccountRecord } from "./account-record.ts";

/** A record that is to be stored, under an id of its own. */
export interface BulkAccount extends AccountRecord {
  readonly id: string;
}

/** Stores what is not there yet, with its password; returns the ids of what was. */
export async function insertMissingAccounts(
  tx: Transaction,
  accounts: readonly BulkAccount[],
): Promise<ReadonlySet<string>> {
  const column = <T>(pick: (account: BulkAccount) => T) => accounts.map(pick);
  const { rows } = await tx.query<{ id: string }>(sql`
    INSERT INTO auth.accounts
      (id, tenant_id, email, username, name, email_verified, active, language, created_at)
    SELECT id, tenant_id, email, username, name, email_verified, active, language,
           coalesce(created_at, now())
      FROM unnest(
        ${column(({ id }) => id)}::uuid[], ${column(({ tenantId }) => tenantId)}::uuid[],
        ${column(({ email }) => email)}::text[],
        ${column(({ username }) => username ?? null)}::text[],
        ${column(({ name }) => name ?? null)}::text[],
        ${column(({ emailVerified }) => emailVerified)}::boolean[],
        ${column(({ active }) => active)}::boolean[],
        ${column(({ language }) => language ?? null)}::text[],
        ${column(({ createdAt }) => createdAt ?? null)}::timestamptz[])
        AS given (id, tenant_id, email, username, name, email_verified, active, language,
                  created_at)
    ON CONFLICT DO NOTHING RETURNING id`);
  const inserted = new Set(rows.map(({ id }) => id));
  const withPassword = accounts.filter(
    ({ id, passwordHash }) => inserted.has(id) && passwordHash !== undefined,
  );
  await tx.query(sql`
    INSERT INTO auth.credentials (account_id, password_hash, must_change)
    SELECT * FROM unnest(
      ${withPassword.map(({ id }) => id)}::uuid[],
      ${withPassword.map(({ passwordHash }) => passwordHash)}::text[],
      ${withPassword.map(({ mustChange }) => mustChange)}::boolean[])`);
  return inserted;
}

/** Which of these addresses have an account. */
export async function knownEmails(
  tx: Transaction,
  emails: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await tx.query<{ email: string }>(sql`
    SELECT lower(email) AS email FROM auth.accounts WHERE lower(email) = ANY (${emails}::text[])`);
  return new Set(rows.map(({ email }) => email));
}

interface ExportRow {
  id: string;
  tenant_id: string;
  email: string;
  username: string | null;
  name: string | null;
  email_verified: boolean;
  active: boolean;
  language: string | null;
  created_at: Date;
  password_hash: string | null;
  must_change: boolean | null;
}

/** Accounts behind an id, in the order of their ids, without their roles. */
export async function pageOfAccounts(
  database: Pick<Database, "query">,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<BulkAccount[]> {
  const { rows } = await database.query<ExportRow>(sql`
    SELECT a.id, a.tenant_id, a.email, a.username, a.name, a.email_verified, a.active, a.language,
           a.created_at, c.password_hash, c.must_change
      FROM auth.accounts a LEFT JOIN auth.credentials c ON c.account_id = a.id
     WHERE ${page.after ?? null}::uuid IS NULL OR a.id > ${page.after ?? null}::uuid
     ORDER BY a.id LIMIT ${page.limit}`);
  return rows.map((row) => ({
    id: row.id,
    tenantId: row.tenant_id,
    email: row.email,
    username: row.username ?? undefined,
    name: row.name ?? undefined,
    emailVerified: row.email_verified,
    active: row.active,
    language: row.language ?? undefined,
    createdAt: row.created_at.toISOString(),
    passwordHash: row.password_hash ?? undefined,
    mustChange: row.must_change ?? false,
    roles: [],
  }));
}

/** Ids of all tenants. */
export async function tenantIds(database: Pick<Database, "query">): Promise<ReadonlySet<string>> {
  const { rows } = await database.query<{ id: string }>(sql`SELECT id FROM auth.tenants`);
  return new Set(rows.map(({ id }) => id));
}
