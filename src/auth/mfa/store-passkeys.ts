import { createHash, randomBytes } from "node:crypto";
import { mfaLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

type Asker = Pick<Database, "query"> | Transaction;

/** A public key credential of WebAuthn (Level 3 §4). */
export interface Passkey {
  readonly id: string;
  readonly accountId: string;
  readonly credentialId: string;
  readonly publicKey: Buffer;
  readonly transports: readonly string[];
  readonly synced: boolean;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | undefined;
}

export interface NewPasskey {
  readonly id: string;
  readonly accountId: string;
  readonly credentialId: string;
  readonly publicKey: Buffer;
  readonly signCount: number;
  readonly transports: readonly string[];
  readonly synced: boolean;
  readonly name: string;
}

interface PasskeyRow {
  id: string;
  account_id: string;
  credential_id: string;
  public_key: Buffer;
  transports: string[];
  synced: boolean;
  name: string;
  created_at: Date;
  last_used_at: Date | null;
}

const columns = sql`p.id, p.account_id, p.credential_id, p.public_key, p.transports, p.synced,
  p.name, p.created_at, p.last_used_at`;

function toPasskey(row: PasskeyRow): Passkey {
  return Object.freeze({
    id: row.id,
    accountId: row.account_id,
    credentialId: row.credential_id,
    publicKey: row.public_key,
    transports: row.transports,
    synced: row.synced,
    name: row.name,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
  });
}

/** Throws pg's unique violation of `passkeys_credential`. */
export async function insertPasskey(tx: Transaction, passkey: NewPasskey): Promise<Passkey> {
  const { rows } = await tx.query<PasskeyRow>(sql`
    INSERT INTO auth.passkeys AS p
      (id, account_id, credential_id, public_key, sign_count, transports, synced, name)
    VALUES (${passkey.id}, ${passkey.accountId}, ${passkey.credentialId}, ${passkey.publicKey},
            ${passkey.signCount}, ${[...passkey.transports]}, ${passkey.synced}, ${passkey.name})
    RETURNING ${columns}`);
  return toPasskey(rows[0]!);
}

export async function listPasskeys(asker: Asker, accountId: string): Promise<Passkey[]> {
  const { rows } = await asker.query<PasskeyRow>(sql`
    SELECT ${columns} FROM auth.passkeys p WHERE p.account_id = ${accountId}
     ORDER BY p.created_at, p.id`);
  return rows.map(toPasskey);
}

export async function findPasskey(
  asker: Asker,
  credentialId: string,
): Promise<Passkey | undefined> {
  const { rows } = await asker.query<PasskeyRow>(sql`
    SELECT ${columns} FROM auth.passkeys p WHERE p.credential_id = ${credentialId}`);
  return rows[0] === undefined ? undefined : toPasskey(rows[0]);
}

/**
 * Marks a use. False when the authenticator's counter did not go on (WebAuthn §6.1.1): there may
 * be a copy of it. Authenticators that do not count say 0 always.
 */
export async function countPasskeyUse(
  tx: Transaction,
  id: string,
  signCount: number,
): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    UPDATE auth.passkeys SET sign_count = ${signCount}, last_used_at = now()
     WHERE id = ${id}
       AND (sign_count < ${signCount} OR (sign_count = 0 AND ${signCount}::bigint = 0))`);
  return rowCount === 1;
}

export async function renamePasskey(
  asker: Asker,
  accountId: string,
  id: string,
  name: string,
): Promise<Passkey | undefined> {
  const { rows } = await asker.query<PasskeyRow>(sql`
    UPDATE auth.passkeys AS p SET name = ${name}
     WHERE p.id = ${id} AND p.account_id = ${accountId} RETURNING ${columns}`);
  return rows[0] === undefined ? undefined : toPasskey(rows[0]);
}

/** One of the account's passkeys, or all of them; how many went. */
export async function deletePasskeys(
  tx: Transaction,
  accountId: string,
  id?: string,
): Promise<number> {
  const { rowCount } = await tx.query(sql`
    DELETE FROM auth.passkeys
     WHERE account_id = ${accountId} AND id = coalesce(${id ?? null}::uuid, id)`);
  return rowCount;
}

/** What a signed challenge is good for. */
export type WebauthnPurpose = "register" | "login" | "factor" | "step_up";

/** 256 random bits for an authenticator to sign; without an account anybody's may. */
export async function issueWebauthnChallenge(
  asker: Asker,
  purpose: WebauthnPurpose,
  accountId: string | undefined,
): Promise<string> {
  const challenge = randomBytes(limits.webauthnChallengeBytes).toString("base64url");
  await asker.query(sql`
    INSERT INTO auth.webauthn_challenges (digest, purpose, account_id, expires_at)
    VALUES (${digestOf(challenge)}, ${purpose}, ${accountId ?? null},
            clock_timestamp() + make_interval(secs => ${limits.webauthnSeconds}))`);
  return challenge;
}

/** Uses a challenge up, whatever becomes of its signature. */
export async function consumeWebauthnChallenge(
  asker: Asker,
  purpose: WebauthnPurpose,
  accountId: string | undefined,
  challenge: string,
): Promise<boolean> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.webauthn_challenges
     WHERE digest = ${digestOf(challenge)} AND purpose = ${purpose}
       AND account_id IS NOT DISTINCT FROM ${accountId ?? null}::uuid
       AND expires_at > clock_timestamp()`);
  return rowCount === 1;
}

/** Removes a batch of challenges that nobody signed in time; returns how many went. */
export async function removeExpiredWebauthnChallenges(
  asker: Pick<Database, "query">,
): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.webauthn_challenges WHERE digest IN (
      SELECT digest FROM auth.webauthn_challenges WHERE expires_at < clock_timestamp()
       LIMIT ${limits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}

function digestOf(challenge: string): Buffer {
  return createHash("sha256").update(challenge).digest();
}
