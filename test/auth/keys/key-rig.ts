import { randomBytes } from "node:crypto";
import type { RotationSettings } from "../../../src/auth/keys/rotation.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";

export const sealing = (id: string) => ({ id, keyBase64: randomBytes(32).toString("base64") });
export const firstSealing = sealing("first");

/** What the keys need of the settings. Rotations only when asked for, and at once. */
export const settings = (changes: Partial<RotationSettings> = {}): RotationSettings => ({
  environment: "test",
  dataDir: "/nonexistent",
  keyEncryptionKeys: [firstSealing],
  jwtAlgorithm: "ES256",
  jwtSecret: undefined,
  accessTokenSeconds: 1_800,
  sessionAbsoluteSeconds: 2_592_000,
  jwksMaxAgeSeconds: 0,
  keyRotationDays: 0,
  signingKeyFile: undefined,
  publicUrl: "http://keys.example",
  ...changes,
});

export interface StoredKey {
  readonly kid: string;
  readonly use: string;
  readonly alg: string;
  readonly state: string;
  readonly sealed: string | null;
  readonly public_jwk: Record<string, unknown> | null;
  readonly kept_seconds: number;
  readonly cached_seconds: number;
}

/** What is stored, oldest first. */
export const storedKeys = (database: Database) =>
  database.read<StoredKey>(sql`
    SELECT kid, use, alg, state, sealed, public_jwk, kept_seconds, cached_seconds
    FROM auth.signing_keys ORDER BY created_at, use, state`);

export async function keyStates(database: Database): Promise<string[]> {
  const rows = await storedKeys(database);
  return rows.map(({ use, alg, state }) => `${use} ${alg} ${state}`).toSorted();
}

export async function kidOf(database: Database, use: string, state: string): Promise<string> {
  const found = (await storedKeys(database)).filter(
    (row) => row.use === use && row.state === state,
  );
  if (found.length !== 1) throw new Error(`${found.length} keys are ${use} ${state}`);
  return found[0]!.kid;
}

export const removeKeys = (database: Database) =>
  database.query(sql`DELETE FROM auth.signing_keys`);

/** Whatever happened: one active and one next key of each use, and a private part where it belongs. */
export async function brokenInvariants(database: Database): Promise<unknown[]> {
  return await database.read(sql`
    SELECT use, state, count(*)::int AS count FROM auth.signing_keys
      WHERE state IN ('active', 'next') GROUP BY use, state HAVING count(*) <> 1
    UNION ALL
    SELECT wanted.use, wanted.state, 0 FROM
      (SELECT use, state FROM (VALUES ('sig'), ('mac')) u(use), (VALUES ('active'), ('next')) s(state))
        AS wanted
      WHERE NOT EXISTS (SELECT FROM auth.signing_keys k
        WHERE k.use = wanted.use AND k.state = wanted.state)
    UNION ALL
    SELECT use, kid, -1 FROM auth.signing_keys
      WHERE (state = 'gone') <> (sealed IS NULL) OR (use = 'sig') <> (public_jwk IS NOT NULL)`);
}
