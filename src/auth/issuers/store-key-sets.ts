import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { PublicJwk } from "../token/verify.ts";
import type { KeptKeySet } from "./key-set.ts";

export interface NewKeySet {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly keys: readonly PublicJwk[];
  /** Since the issuer was asked for it. */
  readonly ageMs: number;
}

interface KeySetRow {
  issuer: string;
  jwks_uri: string;
  keys: unknown[];
  age_ms: string;
}

/** The sets that were kept of these issuers, by issuer. Their age is on the database's clock. */
export async function selectKeySets(
  database: Pick<Database, "read">,
  issuers: readonly string[],
): Promise<ReadonlyMap<string, KeptKeySet>> {
  const rows = await database.read<KeySetRow>(sql`
    SELECT issuer, jwks_uri, keys,
           extract(epoch FROM clock_timestamp() - fetched_at) * 1000 AS age_ms
      FROM auth.issuer_key_sets WHERE issuer = ANY(${[...issuers]}::text[])`);
  return new Map(
    rows.map(({ issuer, jwks_uri, keys, age_ms }) => [
      issuer,
      { jwksUri: jwks_uri, keys, ageMs: Number(age_ms) },
    ]),
  );
}

/** Keeps a set, unless one that was asked for later is kept already. */
export async function upsertKeySet(
  database: Pick<Database, "query">,
  { issuer, jwksUri, keys, ageMs }: NewKeySet,
): Promise<void> {
  await database.query(sql`
    INSERT INTO auth.issuer_key_sets AS kept (issuer, jwks_uri, keys, fetched_at)
    VALUES (${issuer}, ${jwksUri}, ${JSON.stringify(keys)}::jsonb,
            clock_timestamp() - make_interval(secs => ${ageMs / 1000}))
    ON CONFLICT (issuer) DO UPDATE
      SET jwks_uri = excluded.jwks_uri, keys = excluded.keys, fetched_at = excluded.fetched_at
      WHERE kept.fetched_at < excluded.fetched_at`);
}

/** Takes keys out of the set that is kept, whoever kept it and when. */
export async function removeKeptKeys(
  database: Pick<Database, "query">,
  issuer: string,
  kids: readonly string[],
): Promise<void> {
  await database.query(sql`
    UPDATE auth.issuer_key_sets
       SET keys = (SELECT coalesce(jsonb_agg(key), '[]'::jsonb) FROM jsonb_array_elements(keys) AS key
                    WHERE key->>'kid' <> ALL(${[...kids]}::text[]))
     WHERE issuer = ${issuer}`);
}
