import { createHash, randomBytes } from "node:crypto";
import { oneTimeLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/** What a token is good for; it is good for nothing else. */
export type OneTimePurpose =
  | "email.verify"
  | "email.change"
  | "account.invite"
  | "password.reset"
  | "password.change"
  | "account.unlock"
  | "mfa.challenge";

export interface NewOneTimeToken {
  readonly purpose: OneTimePurpose;
  readonly accountId: string;
  /** How long it is good. */
  readonly seconds: number;
  /** What whoever uses it needs to know again; nothing secret. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface OneTimeToken {
  readonly accountId: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Asker = Pick<Database, "query"> | Transaction;

const FORM = /^[A-Za-z0-9_-]{43}$/;

/** 256 random bits as text, of which the table keeps the digest alone. */
export async function issueOneTimeToken(asker: Asker, token: NewOneTimeToken): Promise<string> {
  const text = randomBytes(limits.tokenBytes).toString("base64url");
  await asker.query(sql`
    INSERT INTO auth.one_time_tokens (digest, purpose, account_id, data, expires_at)
    VALUES (${digestOf(text)}, ${token.purpose}, ${token.accountId},
            ${JSON.stringify(token.data ?? {})}::jsonb,
            clock_timestamp() + make_interval(secs => ${token.seconds}))`);
  return text;
}

/**
 * Uses a token up. Of any number of parallel callers, in however many processes, one gets it.
 * Undefined: unknown, of another purpose, used before, or past its end.
 */
export async function consumeOneTimeToken(
  asker: Asker,
  purpose: OneTimePurpose,
  text: string,
): Promise<OneTimeToken | undefined> {
  if (!FORM.test(text)) return undefined;
  const { rows } = await asker.query<TokenRow>(sql`
    UPDATE auth.one_time_tokens SET used_at = clock_timestamp()
     WHERE digest = ${digestOf(text)} AND purpose = ${purpose}
       AND used_at IS NULL AND expires_at > clock_timestamp()
    RETURNING account_id, data`);
  return toToken(rows[0]);
}

/** Looks without using: for a page that a mail scanner may open. */
export async function findOneTimeToken(
  asker: Asker,
  purpose: OneTimePurpose,
  text: string,
): Promise<OneTimeToken | undefined> {
  if (!FORM.test(text)) return undefined;
  const { rows } = await asker.query<TokenRow>(sql`
    SELECT account_id, data FROM auth.one_time_tokens
     WHERE digest = ${digestOf(text)} AND purpose = ${purpose}
       AND used_at IS NULL AND expires_at > clock_timestamp()`);
  return toToken(rows[0]);
}

/** Makes all tokens of an account and purpose useless: their cause is gone. */
export async function revokeOneTimeTokens(
  asker: Asker,
  purpose: OneTimePurpose,
  accountId: string,
): Promise<void> {
  await asker.query(sql`
    DELETE FROM auth.one_time_tokens WHERE account_id = ${accountId} AND purpose = ${purpose}`);
}

/** Removes a batch of tokens past their end; returns how many went. */
export async function removeExpiredOneTimeTokens(asker: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.one_time_tokens WHERE digest IN (
      SELECT digest FROM auth.one_time_tokens
       WHERE expires_at < clock_timestamp() - make_interval(secs => ${limits.keptSeconds})
       LIMIT ${limits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}

interface TokenRow {
  account_id: string;
  data: Record<string, unknown>;
}

function toToken(row: TokenRow | undefined): OneTimeToken | undefined {
  return row && Object.freeze({ accountId: row.account_id, data: Object.freeze(row.data) });
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
