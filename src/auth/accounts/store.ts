import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { toLanguage, type Language } from "../mail/language.ts";
import type { Identifier } from "./identifiers.ts";

/** Our own record of a person. */
export interface Account {
  readonly id: string;
  readonly tenantId: string;
  /** Normalised; unique over all tenants. */
  readonly email: string;
  /** As chosen; unique without regard to case. */
  readonly username: string | undefined;
  readonly name: string | undefined;
  readonly emailVerified: boolean;
  readonly active: boolean;
  /** Of its mails. */
  readonly language: Language;
  /** Kinds of second factor: `totp`, `passkey`. */
  readonly factors: readonly string[];
  /** Counts their changes. */
  readonly factorVersion: number;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly lastLogin: Date | undefined;
}

/** An account and what it proves itself with. */
export interface Credential {
  readonly account: Account;
  readonly passwordHash: string;
}

export interface NewAccount {
  readonly id: string;
  readonly tenantId: string;
  readonly email: string;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
  readonly emailVerified?: boolean | undefined;
  readonly language?: Language | undefined;
  /** Undefined: its owner chooses a password later. */
  readonly passwordHash: string | undefined;
}

export interface AccountRow {
  id: string;
  tenant_id: string;
  email: string;
  username: string | null;
  name: string | null;
  email_verified: boolean;
  active: boolean;
  language: string | null;
  factors: string[];
  factor_version: number;
  version: number;
  created_at: Date;
  updated_at: Date;
  last_login: Date | null;
}

/** To be used where `a` is a row of `auth.accounts`. */
export const columns = sql`
  a.id, a.tenant_id, a.email, a.username, a.name, a.email_verified, a.active, a.language, a.factors,
  a.factor_version, a.version, a.created_at, a.updated_at, a.last_login`;

export function toAccount(row: AccountRow): Account {
  return Object.freeze({
    id: row.id,
    tenantId: row.tenant_id,
    email: row.email,
    username: row.username ?? undefined,
    name: row.name ?? undefined,
    emailVerified: row.email_verified,
    active: row.active,
    language: toLanguage(row.language),
    factors: Object.freeze(row.factors),
    factorVersion: row.factor_version,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastLogin: row.last_login ?? undefined,
  });
}

function matches(identifier: Identifier): Sql {
  return "email" in identifier
    ? sql`lower(a.email) = lower(${identifier.email})`
    : sql`lower(a.username) = lower(${identifier.username})`;
}

async function findOne(database: Database, condition: Sql): Promise<Account | undefined> {
  const rows = await database.read<AccountRow>(
    sql`SELECT ${columns} FROM auth.accounts a WHERE ${condition}`,
  );
  return rows[0] === undefined ? undefined : toAccount(rows[0]);
}

export function findAccountById(database: Database, id: string): Promise<Account | undefined> {
  return findOne(database, sql`a.id = ${id}`);
}

export function findAccount(
  database: Database,
  identifier: Identifier,
): Promise<Account | undefined> {
  return findOne(database, matches(identifier));
}

/** One read, the same for an account that exists and for one that does not. */
export async function findCredential(
  database: Database,
  identifier: Identifier,
): Promise<Credential | undefined> {
  const rows = await database.read<AccountRow & { password_hash: string }>(sql`
    SELECT ${columns}, c.password_hash
      FROM auth.accounts a JOIN auth.credentials c ON c.account_id = a.id
     WHERE ${matches(identifier)}`);
  const row = rows[0];
  return row && { account: toAccount(row), passwordHash: row.password_hash };
}

/** What the password of an account is compared with. */
export async function findPasswordHash(
  asker: Pick<Database, "query"> | Transaction,
  id: string,
): Promise<string | undefined> {
  const { rows } = await asker.query<{ password_hash: string }>(
    sql`SELECT password_hash FROM auth.credentials WHERE account_id = ${id}`,
  );
  return rows[0]?.password_hash;
}

/** False for a database that nobody has used yet. */
export async function hasAccounts(database: Pick<Database, "read">): Promise<boolean> {
  const rows = await database.read<{ found: boolean }>(
    sql`SELECT EXISTS (SELECT FROM auth.accounts) AS found`,
  );
  return rows[0]?.found === true;
}

/** A page in the order of creation, and how many there are. */
export async function listAccounts(
  database: Database,
  page: { readonly skip: number; readonly limit: number },
): Promise<{ accounts: Account[]; total: number }> {
  const { rows } = await database.query<AccountRow & { total: number }>(sql`
    SELECT ${columns}, counted.total
      FROM (SELECT count(*)::int AS total FROM auth.accounts) counted
      LEFT JOIN (SELECT * FROM auth.accounts ORDER BY created_at, id
                 LIMIT ${page.limit} OFFSET ${page.skip}) a ON true
     ORDER BY a.created_at, a.id`);
  return {
    accounts: rows.filter((row) => row.id !== null).map(toAccount),
    total: rows[0]?.total ?? 0,
  };
}

/**
 * Account and credential, if there is one. Throws pg's unique violation of `accounts_username_key` or
 * `accounts_email_key`; the first is reported when both are taken.
 */
export async function insertAccount(tx: Transaction, account: NewAccount): Promise<Account> {
  const { rows } = await tx.query<AccountRow>(sql`
    INSERT INTO auth.accounts AS a (id, tenant_id, email, username, name, email_verified, language)
    VALUES (${account.id}, ${account.tenantId}, ${account.email}, ${account.username ?? null},
            ${account.name ?? null}, ${account.emailVerified ?? false},
            ${account.language ?? null})
    RETURNING ${columns}`);
  if (account.passwordHash !== undefined) {
    await tx.query(sql`
      INSERT INTO auth.credentials (account_id, password_hash)
      VALUES (${account.id}, ${account.passwordHash})`);
  }
  return toAccount(rows[0]!);
}

/**
 * Marks a login and locks the row until the end of the transaction, so that logins of one account
 * take turns. Undefined when the account is gone or not active.
 */
export async function recordLogin(tx: Transaction, id: string): Promise<Account | undefined> {
  const { rows } = await tx.query<AccountRow>(sql`
    UPDATE auth.accounts AS a SET last_login = now() WHERE a.id = ${id} AND a.active
    RETURNING ${columns}`);
  return rows[0] === undefined ? undefined : toAccount(rows[0]);
}

/**
 * True if the credential still is what the password was checked against, and keeps it so until the
 * end of the transaction: a password change waits, and then finds the session to end. With
 * `replacement` the hash is made anew in passing.
 */
export async function holdCredential(
  tx: Transaction,
  id: string,
  passwordHash: string,
  replacement?: string,
): Promise<boolean> {
  const found = sql`account_id = ${id} AND password_hash = ${passwordHash}`;
  const { rowCount } = await tx.query(
    replacement === undefined
      ? sql`SELECT FROM auth.credentials WHERE ${found} FOR SHARE`
      : sql`UPDATE auth.credentials SET password_hash = ${replacement} WHERE ${found}`,
  );
  return rowCount === 1;
}

/** The same by what a challenge remembers of the hash: its SHA-256. */
export async function holdCredentialOf(
  tx: Transaction,
  id: string,
  hashDigest: Buffer,
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    SELECT FROM auth.credentials
     WHERE account_id = ${id} AND sha256(convert_to(password_hash, 'UTF8')) = ${hashDigest}
       FOR SHARE`);
  return rowCount === 1;
}

/**
 * The owner proved the address. Undefined when the account has another one by now, or is gone. Sets a
 * proven address again without harm.
 */
export async function markEmailVerified(
  tx: Transaction,
  id: string,
  email: string,
): Promise<Account | undefined> {
  const { rows } = await tx.query<AccountRow>(sql`
    UPDATE auth.accounts AS a
       SET email_verified = true, version = a.version + 1, updated_at = now()
     WHERE a.id = ${id} AND a.active AND lower(a.email) = lower(${email})
    RETURNING ${columns}`);
  return rows[0] === undefined ? undefined : toAccount(rows[0]);
}

export interface ProfileChange {
  readonly username: string | undefined;
  readonly name: string | undefined;
  /** The version the caller has seen; undefined takes whatever is there. */
  readonly version: number | undefined;
}

/** Undefined when there is no such account of that version. Throws unique violations. */
export async function updateProfile(
  tx: Transaction,
  id: string,
  change: ProfileChange,
): Promise<Account | undefined> {
  const { rows } = await tx.query<AccountRow>(sql`
    UPDATE auth.accounts AS a
       SET username = ${change.username ?? null}, name = ${change.name ?? null},
           version = a.version + 1, updated_at = now()
     WHERE a.id = ${id} AND a.version = coalesce(${change.version ?? null}::int, a.version)
    RETURNING ${columns}`);
  return rows[0] === undefined ? undefined : toAccount(rows[0]);
}
