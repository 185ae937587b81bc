import { keyLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { loadedByEveryInstance } from "../revocation/instances.ts";
import { refreshKeyInUse } from "../session/store-refresh-keys.ts";
import type { PublicJwk } from "../token/verify.ts";
import { seal, type SealingKey } from "./envelope.ts";
import type { KeyState } from "./key-ring.ts";

export type KeyUse = "sig" | "mac";
export const KEY_USES = ["sig", "mac"] as const;

/** A key as it is stored. The private part is sealed; a key that is gone has none. */
export interface KeyRow {
  readonly kid: string;
  readonly use: KeyUse;
  readonly alg: string;
  readonly state: KeyState;
  readonly public_jwk: PublicJwk | null;
  readonly sealed: string | null;
  readonly kept_seconds: number;
  readonly cached_seconds: number;
}

/** How long a new key verifies after it retired, and how long others may hold a set without it. */
export interface KeyLives {
  readonly keptSeconds: number;
  readonly cachedSeconds: number;
}

type Asker = Pick<Database, "read"> | Transaction;

async function ask<T>(asker: Asker, statement: Sql): Promise<T[]> {
  return "read" in asker ? await asker.read<T>(statement) : (await asker.query<T>(statement)).rows;
}

/** All that changes keys takes turns, over all processes. */
export async function lockKeys(tx: Transaction): Promise<void> {
  await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))`);
}

/** The keys that are not gone, oldest first, and the number of changes up to this moment. */
export async function selectKeys(asker: Asker): Promise<{ version: number; rows: KeyRow[] }> {
  const found = await ask<Partial<KeyRow> & { version: number }>(
    asker,
    sql`SELECT r.version, k.kid, k.use, k.alg, k.state, k.public_jwk, k.sealed, k.kept_seconds,
          k.cached_seconds
        FROM auth.key_ring r LEFT JOIN auth.signing_keys k ON k.state <> 'gone'
        ORDER BY k.created_at, k.kid`,
  );
  return {
    version: found[0]?.version ?? 0,
    rows: found.filter((row): row is KeyRow & { version: number } => typeof row.kid === "string"),
  };
}

/** The number of changes of the keys so far. */
export async function selectKeyVersion(asker: Asker): Promise<number> {
  const [row] = await ask<{ version: number }>(asker, sql`SELECT version FROM auth.key_ring`);
  return row?.version ?? 0;
}

/** In SQL, for a statement of the bus. */
export const keyVersion = sql`(SELECT version FROM auth.key_ring)`;

/** What a sealed text is bound to: it opens as this key and no other. */
export function contextOf({ kid, use, alg }: Pick<KeyRow, "kid" | "use" | "alg">): string {
  return `${kid} ${use} ${alg}`;
}

export type NewKey = Pick<KeyRow, "kid" | "use" | "alg" | "state" | "public_jwk">;

export async function insertKey(
  tx: Transaction,
  row: NewKey,
  secret: Uint8Array,
  { sealing, lives }: { sealing: readonly SealingKey[]; lives: KeyLives },
): Promise<void> {
  const sealed = seal(secret, sealing, contextOf(row));
  const jwk = row.public_jwk === null ? null : JSON.stringify(row.public_jwk);
  await tx.query(sql`INSERT INTO auth.signing_keys
      (kid, use, alg, state, public_jwk, sealed, activated_at, retired_at, kept_seconds,
       cached_seconds)
    VALUES (${row.kid}, ${row.use}, ${row.alg}, ${row.state}::text, ${jwk}::jsonb, ${sealed},
      CASE WHEN ${row.state}::text = 'active' THEN clock_timestamp() END,
      CASE WHEN ${row.state}::text = 'retiring' THEN clock_timestamp() END,
      ${lives.keptSeconds}::int, ${lives.cachedSeconds}::int)`);
}

export async function updateSealed(tx: Transaction, kid: string, sealed: string): Promise<void> {
  await tx.query(sql`UPDATE auth.signing_keys SET sealed = ${sealed} WHERE kid = ${kid}`);
}

/** True if a key of this name was there once and is not any more: it never comes back. */
export async function isGone(tx: Transaction, kid: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    sql`SELECT FROM auth.signing_keys WHERE kid = ${kid} AND state = 'gone'`,
  );
  return rowCount > 0;
}

/** Withdraws keys of a use in these states: they neither sign nor verify, and cannot come back. */
export async function withdrawKeys(
  tx: Transaction,
  use: KeyUse,
  states: readonly KeyState[],
): Promise<string[]> {
  const { rows } = await tx.query<{ kid: string }>(sql`
    UPDATE auth.signing_keys SET state = 'gone', sealed = NULL, retired_at = clock_timestamp()
      WHERE use = ${use} AND state = ANY(${states}::text[]) RETURNING kid`);
  return rows.map(({ kid }) => kid);
}

/** The next key signs from now on, and the one that did only verifies. Needs both to be there. */
export async function activateNext(tx: Transaction, use: KeyUse): Promise<void> {
  await tx.query(sql`UPDATE auth.signing_keys
    SET state = 'retiring', retired_at = clock_timestamp(), rotation_asked_at = NULL
    WHERE use = ${use} AND state = 'active'`);
  await tx.query(sql`UPDATE auth.signing_keys
    SET state = 'active', activated_at = clock_timestamp()
    WHERE use = ${use} AND state = 'next'`);
}

/** With a shared secret no other key signs: the one that does begins to retire. */
export async function retireActive(tx: Transaction, use: KeyUse): Promise<void> {
  await tx.query(sql`UPDATE auth.signing_keys
    SET state = 'retiring', retired_at = clock_timestamp(), rotation_asked_at = NULL
    WHERE use = ${use} AND state = 'active'`);
}

/** The key that signs is to be followed as soon as that is safe. */
export async function askForRotation(tx: Transaction, use: KeyUse): Promise<void> {
  await tx.query(sql`UPDATE auth.signing_keys
    SET rotation_asked_at = coalesce(rotation_asked_at, clock_timestamp())
    WHERE use = ${use} AND state = 'active'`);
}

/** A process whose tokens live longer, or whose key set is kept longer, says so before it signs. */
export async function raiseLives(
  asker: Pick<Transaction, "query">,
  use: KeyUse,
  { keptSeconds, cachedSeconds }: KeyLives,
): Promise<void> {
  await asker.query(sql`UPDATE auth.signing_keys
    SET kept_seconds = greatest(kept_seconds, ${keptSeconds}::int),
        cached_seconds = greatest(cached_seconds, ${cachedSeconds}::int)
    WHERE use = ${use} AND state IN ('next', 'active')
      AND (kept_seconds < ${keptSeconds}::int OR cached_seconds < ${cachedSeconds}::int)`);
}

/** What the time has brought for one key. */
export interface KeyDuty {
  readonly kid: string;
  readonly use: KeyUse;
  readonly alg: string;
  readonly state: KeyState;
  /** Nothing it signed can be good any more. */
  readonly isOver: boolean;
  /** Every live process has this next key, and that was not noted yet. */
  readonly isLoadedNow: boolean;
  /** The active key is to be followed. */
  readonly isDue: boolean;
  /** Every live process has this next key and nobody can hold a key set without it. */
  readonly isReady: boolean;
}

/** @param everySeconds after which an active key is to be followed; 0: only when it is asked for */
export async function selectDuties(asker: Asker, everySeconds: number): Promise<KeyDuty[]> {
  return await ask<KeyDuty>(
    asker,
    sql`SELECT kid, use, alg, state,
      state = 'retiring'
        AND retired_at < clock_timestamp() - make_interval(secs => kept_seconds)
        AND (use = 'sig' OR NOT ${refreshKeyInUse(sql`k.kid`)}) AS "isOver",
      state = 'next' AND loaded_at IS NULL AND ${loadedByEveryInstance(sql`k.kid`)}
        AS "isLoadedNow",
      state = 'active' AND (rotation_asked_at IS NOT NULL OR (${everySeconds}::float8 > 0
        AND coalesce(activated_at, created_at) < clock_timestamp() - make_interval(secs => ${everySeconds}::float8)))
        AS "isDue",
      state = 'next' AND loaded_at IS NOT NULL AND ${loadedByEveryInstance(sql`k.kid`)}
        AND (use = 'mac' OR
          loaded_at <= clock_timestamp() - make_interval(secs => cached_seconds)) AS "isReady"
    FROM auth.signing_keys k WHERE state <> 'gone' ORDER BY created_at, kid`,
  );
}

export async function markLoaded(tx: Transaction, kids: readonly string[]): Promise<void> {
  await tx.query(sql`UPDATE auth.signing_keys SET loaded_at = clock_timestamp()
    WHERE kid = ANY(${kids}::text[]) AND loaded_at IS NULL`);
}

/** Forgets the private parts of keys of which no token is left. */
export async function endKeys(tx: Transaction, kids: readonly string[]): Promise<void> {
  await tx.query(sql`UPDATE auth.signing_keys SET state = 'gone', sealed = NULL
    WHERE kid = ANY(${kids}::text[]) AND state = 'retiring'`);
}

/** A key as an operator sees it. */
export interface ListedKey {
  readonly kid: string;
  readonly use: KeyUse;
  readonly alg: string;
  readonly state: KeyState;
  readonly sealedWith: string | null;
  readonly createdAt: Date;
  readonly loadedAt: Date | null;
  readonly activatedAt: Date | null;
  readonly retiredAt: Date | null;
  readonly rotationAskedAt: Date | null;
  /** Live processes that have not loaded it. */
  readonly missingIn: number;
}

export async function listKeys(asker: Asker): Promise<ListedKey[]> {
  return await ask<ListedKey>(
    asker,
    sql`SELECT kid, use, alg, state, split_part(sealed, '.', 2) AS "sealedWith",
      created_at AS "createdAt", loaded_at AS "loadedAt", activated_at AS "activatedAt",
      retired_at AS "retiredAt", rotation_asked_at AS "rotationAskedAt",
      CASE WHEN state = 'gone' THEN 0 ELSE (SELECT count(*) FROM auth.instances i
        WHERE NOT k.kid = ANY(i.loaded_kids))::int END AS "missingIn"
    FROM auth.signing_keys k ORDER BY created_at DESC, kid LIMIT ${keyLimits.listMaxCount}`,
  );
}
