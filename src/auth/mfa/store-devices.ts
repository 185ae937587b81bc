import { createHash, randomBytes } from "node:crypto";
import { mfaLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

type Asker = Pick<Database, "query"> | Transaction;

/** A device that needs no second factor until `expiresAt`. */
export interface TrustedDevice {
  readonly id: string;
  readonly device: string | undefined;
  readonly network: string | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface NewTrustedDevice {
  readonly id: string;
  readonly accountId: string;
  readonly device: string | undefined;
  readonly network: string | undefined;
  readonly days: number;
}

// A changed password ends the trust, wherever it was changed.
const counts = sql`d.expires_at > clock_timestamp()
  AND EXISTS (SELECT FROM auth.credentials c
               WHERE c.account_id = d.account_id AND c.changed_at <= d.created_at)`;

/** Remembers a device; it keeps the token, we its digest. */
export async function insertTrustedDevice(
  tx: Transaction,
  { id, accountId, device, network, days }: NewTrustedDevice,
): Promise<string> {
  const token = randomBytes(limits.deviceTokenBytes).toString("base64url");
  await tx.query(sql`
    INSERT INTO auth.trusted_devices
      (id, account_id, digest, device, network, created_at, expires_at)
    VALUES (${id}, ${accountId}, ${digestOf(token)}, ${device ?? null}, ${network ?? null},
            clock_timestamp(), clock_timestamp() + make_interval(days => ${days}))`);
  return token;
}

export async function isTrustedDevice(
  database: Pick<Database, "read">,
  accountId: string,
  token: string,
): Promise<boolean> {
  const rows = await database.read<{ trusted: boolean }>(sql`
    SELECT EXISTS (SELECT FROM auth.trusted_devices d
                    WHERE d.digest = ${digestOf(token)} AND d.account_id = ${accountId}
                      AND ${counts}) AS trusted`);
  return rows[0]?.trusted === true;
}

export async function listTrustedDevices(
  asker: Asker,
  accountId: string,
): Promise<TrustedDevice[]> {
  const { rows } = await asker.query<{
    id: string;
    device: string | null;
    network: string | null;
    created_at: Date;
    expires_at: Date;
  }>(sql`
    SELECT d.id, d.device, d.network, d.created_at, d.expires_at FROM auth.trusted_devices d
     WHERE d.account_id = ${accountId} AND ${counts}
     ORDER BY d.created_at DESC, d.id LIMIT ${limits.trustedDevicesListMax}`);
  return rows.map((row) => ({
    id: row.id,
    device: row.device ?? undefined,
    network: row.network ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }));
}

/** One of the account's devices, or all of them; how many went. */
export async function deleteTrustedDevices(
  asker: Asker,
  accountId: string,
  id?: string,
): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.trusted_devices
     WHERE account_id = ${accountId} AND id = coalesce(${id ?? null}::uuid, id)`);
  return rowCount;
}

/** Removes a batch of devices whose time is over; returns how many went. */
export async function removeExpiredTrustedDevices(asker: Pick<Database, "query">): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.trusted_devices WHERE id IN (
      SELECT id FROM auth.trusted_devices WHERE expires_at < clock_timestamp()
       LIMIT ${limits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
