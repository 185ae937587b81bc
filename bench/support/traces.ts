import type { Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import type { Whose } from "./furnish.ts";

const COUNT = 40;

/**
 * What people leave in the authentication: API keys of one who has some, tokens that were taken
 * back, refusals. May be done again, as refusals are cleaned away after some days.
 */
export async function leaveTraces(
  database: Pick<Database, "query">,
  { tenantId, authorId }: Whose,
): Promise<void> {
  await database.query(sql`
    insert into auth.api_keys
      (id, account_id, tenant_id, name, secret_digest, scopes, permissions, expires_at)
    select md5('key ' || n)::uuid, ${authorId}::uuid, ${tenantId}::uuid, 'key ' || n,
           sha256(n::text::bytea), '{read}', '{}', now() + interval '300 days'
      from generate_series(1, ${COUNT}::int) n
    on conflict (id) do update set expires_at = excluded.expires_at`);
  await database.query(sql`
    insert into auth.revoked_tokens (token_id, tenant_id, expires_at)
    select 'bench-' || n, ${tenantId}::uuid, now() + interval '300 days'
      from generate_series(1, ${COUNT}::int) n
    on conflict (token_id, tenant_id) do update set expires_at = excluded.expires_at`);
  await database.query(sql`
    insert into auth.decisions (at, request_id, tenant_id, status, code, reason, method)
    select now(), 'bench-' || n, ${tenantId}::text, 403, 'permission_denied', 'bench', 'GET'
      from generate_series(1, ${COUNT}::int) n`);
}
