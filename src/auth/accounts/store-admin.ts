import { accountLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { pageSql } from "../../platform/sql-page.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { columns, toAccount, type Account, type AccountRow } from "./store.ts";

export type AccountStatus = "active" | "invited" | "deactivated" | "banned";

/** An account as an administrator sees it. */
export interface ManagedAccount {
  readonly account: Account;
  readonly status: AccountStatus;
  readonly disabledReason: string | undefined;
  readonly disabledUntil: Date | undefined;
}

interface ManagedRow extends AccountRow {
  status: AccountStatus;
  disabled_reason: string | null;
  disabled_until: Date | null;
}

// Not EXISTS, for which the planner may read everybody's credentials beforehand.
const status = sql`
  CASE WHEN NOT a.active THEN coalesce(a.disabled_kind, 'deactivated')
       WHEN (SELECT true FROM auth.credentials c WHERE c.account_id = a.id) IS NULL THEN 'invited'
       ELSE 'active' END`;
const managed = sql`${columns}, ${status} AS status, a.disabled_reason, a.disabled_until`;

function toManaged(row: ManagedRow): ManagedAccount {
  return Object.freeze({
    account: toAccount(row),
    status: row.status,
    disabledReason: row.disabled_reason ?? undefined,
    disabledUntil: row.disabled_until ?? undefined,
  });
}

export interface AccountFilter {
  readonly tenantId: string;
  /** The beginning of an address, a user name or a name, without regard to case. */
  readonly email?: string | undefined;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
  readonly status?: AccountStatus | undefined;
  readonly skip: number;
  readonly limit: number;
}

const hasPassword = sql`EXISTS (SELECT FROM auth.credentials c WHERE c.account_id = a.id)`;

/** The same as `status` says, in words that an index has. */
const OF_STATUS: Readonly<Record<AccountStatus, Sql>> = {
  active: sql`a.active AND ${hasPassword}`,
  invited: sql`a.active AND NOT ${hasPassword}`,
  deactivated: sql`NOT a.active AND coalesce(a.disabled_kind, 'deactivated') = 'deactivated'`,
  banned: sql`NOT a.active AND a.disabled_kind = 'banned'`,
};

/** A page of a tenant's accounts in the order of creation, and how many match. */
export async function searchAccounts(
  database: Pick<Database, "query">,
  filter: AccountFilter,
): Promise<{ accounts: ManagedAccount[]; total: number }> {
  const parts = [
    sql`a.tenant_id = ${filter.tenantId}`,
    ...beginsWith(sql`lower(a.email)`, filter.email),
    ...beginsWith(sql`lower(a.username)`, filter.username),
    ...beginsWith(sql`lower(a.name)`, filter.name),
    ...(filter.status === undefined ? [] : [OF_STATUS[filter.status]]),
  ];
  const matching = sql`auth.accounts a WHERE ${sql.join(parts, sql` AND `)}`;
  // The total stands in every row, also in the only one of an empty page. The page is cut before the
  // status is looked up, which would be done for what is skipped too.
  const { rows } = await database.query<ManagedRow & { total: number }>(sql`
    SELECT counted.total, page.*
      FROM (SELECT count(*)::int AS total FROM ${matching}) counted
      LEFT JOIN LATERAL (
        SELECT ${managed} FROM (
          SELECT a.* FROM ${matching}
           ORDER BY a.created_at, a.id ${pageSql(filter.skip, filter.limit)}) a) page ON true
     ORDER BY page.created_at, page.id`);
  const accounts = rows.filter((row) => row.id !== null).map(toManaged);
  return { accounts, total: rows[0]!.total };
}

/**
 * From the text to the first that no longer begins with it, in the order of characters: unlike
 * LIKE, that is a range of the index also where the text is a parameter.
 */
function beginsWith(column: Sql, text: string | undefined): Sql[] {
  if (text === undefined || text === "") return [];
  const from = text.toLowerCase();
  const end = endOf(from);
  const range = sql`${column} ~>=~ ${from}`;
  return [end === undefined ? range : sql`${range} AND ${column} ~<~ ${end}`];
}

/** Undefined: everything that follows begins with the text. */
function endOf(text: string): string | undefined {
  const characters = Array.from(text, (character) => character.codePointAt(0)!);
  while (characters.at(-1) === 0x10_ff_ff) characters.pop();
  const last = characters.pop();
  if (last === undefined) return undefined;
  // Halves of pairs are no characters.
  const next = last === 0xd7_ff ? 0xe0_00 : last + 1;
  return String.fromCodePoint(...characters, next);
}

/** An account of this tenant; nobody else's. */
export async function findManaged(
  asker: Pick<Database, "query"> | Transaction,
  id: string,
  tenantId: string,
): Promise<ManagedAccount | undefined> {
  const { rows } = await asker.query<ManagedRow>(sql`
    SELECT ${managed} FROM auth.accounts a WHERE a.id = ${id} AND a.tenant_id = ${tenantId}`);
  return rows[0] && toManaged(rows[0]);
}

export interface Disabling {
  readonly kind: "deactivated" | "banned";
  readonly reason?: string | undefined;
  /** When it comes back by itself. */
  readonly until?: Date | undefined;
}

/** True if the account exists. Ending its sessions is the caller's part of the transaction. */
export async function disableAccount(
  tx: Transaction,
  id: string,
  { kind, reason, until }: Disabling,
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.accounts
       SET active = false, disabled_kind = ${kind}, disabled_reason = ${reason ?? null},
           disabled_until = ${until ?? null}, version = version + 1, updated_at = now()
     WHERE id = ${id}`);
  return rowCount === 1;
}

export async function enableAccount(tx: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.accounts
       SET active = true, disabled_kind = NULL, disabled_reason = NULL, disabled_until = NULL,
           version = version + 1, updated_at = now()
     WHERE id = ${id}`);
  return rowCount === 1;
}

/** Accounts whose ban is over, taken up again; what they are. */
export async function enableDue(tx: Transaction): Promise<{ id: string; tenantId: string }[]> {
  const { rows } = await tx.query<{ id: string; tenant_id: string }>(sql`
    UPDATE auth.accounts
       SET active = true, disabled_kind = NULL, disabled_reason = NULL, disabled_until = NULL,
           version = version + 1, updated_at = now()
     WHERE id = ANY(ARRAY(
       SELECT id FROM auth.accounts
        WHERE NOT active AND disabled_until <= clock_timestamp()
        LIMIT ${accountLimits.reactivateBatchMax} FOR UPDATE SKIP LOCKED))
    RETURNING id, tenant_id`);
  return rows.map((row) => ({ id: row.id, tenantId: row.tenant_id }));
}

/** The row and everything that hangs on it: credentials, sessions, tokens, factors, keys. */
export async function deleteAccount(tx: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql`DELETE FROM auth.accounts WHERE id = ${id}`);
  return rowCount === 1;
}

/**
 * Another address, proven. Undefined when the account is gone, disabled, or its address is not
 * `from` any more. Throws the unique violation of `accounts_email_key`.
 */
export async function replaceEmail(
  tx: Transaction,
  id: string,
  change: { readonly from: string; readonly to: string; readonly isVerified: boolean },
): Promise<Account | undefined> {
  const { rows } = await tx.query<AccountRow>(sql`
    UPDATE auth.accounts AS a
       SET email = ${change.to}, email_verified = ${change.isVerified}, version = a.version + 1,
           updated_at = now()
     WHERE a.id = ${id} AND a.email = ${change.from} AND a.active
    RETURNING ${columns}`);
  return rows[0] && toAccount(rows[0]);
}

/** The first password of an account that was made without one; false when it has one. */
export async function insertFirstPassword(
  tx: Transaction,
  id: string,
  passwordHash: string,
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    INSERT INTO auth.credentials (account_id, password_hash) VALUES (${id}, ${passwordHash})
    ON CONFLICT DO NOTHING`);
  return rowCount === 1;
}

/** Writes down who acts as whom in a session. */
export async function insertImpersonation(
  tx: Transaction,
  row: { sessionId: string; actorId: string; subjectId: string; reason: string },
): Promise<void> {
  await tx.query(sql`
    INSERT INTO auth.impersonations (session_id, actor_id, subject_id, reason)
    VALUES (${row.sessionId}, ${row.actorId}, ${row.subjectId}, ${row.reason})`);
}

/** Sessions in which somebody acts as another. */
export async function listImpersonations(
  tx: Transaction,
  actorId: string,
): Promise<{ sessionId: string; subjectId: string }[]> {
  const { rows } = await tx.query<{ session_id: string; subject_id: string }>(sql`
    SELECT session_id, subject_id FROM auth.impersonations WHERE actor_id = ${actorId}`);
  return rows.map((row) => ({ sessionId: row.session_id, subjectId: row.subject_id }));
}
