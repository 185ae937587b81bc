import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase } from "../support/database.ts";

/** Where nothing is lost without one. */
const WITHOUT: readonly string[] = [
  // Tenants are never removed, and nobody asks for the keys of one.
  "auth.api_keys api_keys_tenant_id_fkey",
  // A few rows, for minutes.
  "auth.webauthn_challenges webauthn_challenges_account_id_fkey",
  // Context and name lead the index; roles of one name in several tenants are few.
  "iam.user_role_association user_role_exists",
];

test("what refers to a row is found from that row by an index", async () => {
  const { database, drop } = await withDatabase();
  try {
    const { rows } = await database.query<{ name: string }>(sql`
      SELECT c.conrelid::regclass::text || ' ' || c.conname AS name
        FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
       WHERE c.contype = 'f' AND n.nspname NOT LIKE 'pg\\_%'
         AND NOT EXISTS (
           SELECT FROM pg_index i
            WHERE i.indrelid = c.conrelid
              AND (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(c.conkey)]
                  @> c.conkey)
       ORDER BY name`);
    assert.deepEqual(
      rows.map(({ name }) => name),
      WITHOUT,
    );
  } finally {
    await drop();
  }
});
