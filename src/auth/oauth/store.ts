import type { Page } from "../../http/paging.ts";
import { normaliseUuid } from "../../platform/ids.ts";
import { clientLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { LoadMachine } from "../index.ts";
import { tokenRevoked } from "../revocation/revoked-tokens.ts";

/** A program that authenticates as itself. Its secrets are kept as digests alone. */
export interface Client {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  /** In every token of it; another one ends them all. */
  readonly sessionId: string;
  readonly secretDigest: Buffer;
  readonly secretMadeAt: Date;
  /** The secret before, while it is good. */
  readonly previousDigest: Buffer | undefined;
  readonly previousUntil: Date | undefined;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly active: boolean;
  /** Also gets refresh tokens. */
  readonly refreshTokens: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface ClientRow {
  id: string;
  tenant_id: string;
  name: string;
  session_id: string;
  secret_digest: Buffer;
  secret_made_at: Date;
  previous_digest: Buffer | null;
  previous_until: Date | null;
  scopes: string[];
  audiences: string[];
  active: boolean;
  refresh_tokens: boolean;
  created_at: Date;
  updated_at: Date;
}

type Asker = Pick<Database, "query"> | Transaction;

const columns = sql`
  c.id, c.tenant_id, c.name, c.session_id, c.secret_digest, c.secret_made_at, c.scopes, c.audiences,
  CASE WHEN c.previous_until > now() THEN c.previous_digest END AS previous_digest,
  CASE WHEN c.previous_until > now() THEN c.previous_until END AS previous_until,
  c.active, c.refresh_tokens, c.created_at, c.updated_at`;

const toClient = (row: ClientRow): Client =>
  Object.freeze({
    id: row.id,
    tenantId: row.tenant_id,
    name: row.name,
    sessionId: row.session_id,
    secretDigest: row.secret_digest,
    secretMadeAt: row.secret_made_at,
    previousDigest: row.previous_digest ?? undefined,
    previousUntil: row.previous_until ?? undefined,
    scopes: Object.freeze(row.scopes),
    audiences: Object.freeze(row.audiences),
    active: row.active,
    refreshTokens: row.refresh_tokens,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  });

/** Any client of that id, disabled ones too. */
export async function findClient(
  database: Pick<Database, "read">,
  id: string,
): Promise<Client | undefined> {
  if (normaliseUuid(id) !== id) return undefined;
  const rows = await database.read<ClientRow>(
    sql`SELECT ${columns} FROM auth.oauth_clients c WHERE c.id = ${id}`,
  );
  return rows[0] && toClient(rows[0]);
}

/** What authentication asks for each token of a machine that it does not know. */
export function createLoadMachine(database: Pick<Database, "read">): LoadMachine {
  return async (sessionId, tokenId) => {
    if (normaliseUuid(sessionId) !== sessionId) return undefined;
    const rows = await database.read<
      Pick<ClientRow, "id" | "tenant_id" | "name" | "active"> & { token_revoked: boolean }
    >(sql`
      SELECT c.id, c.tenant_id, c.name, c.active,
             ${tokenRevoked(tokenId, sql`c.tenant_id`)} AS token_revoked
        FROM auth.oauth_clients c WHERE c.session_id = ${sessionId}`);
    const row = rows[0];
    return (
      row && {
        clientId: row.id,
        tenantId: row.tenant_id,
        name: row.name,
        disabled: !row.active,
        tokenRevoked: row.token_revoked,
      }
    );
  };
}

export type NewClient = Pick<
  Client,
  | "id"
  | "tenantId"
  | "name"
  | "sessionId"
  | "secretDigest"
  | "scopes"
  | "audiences"
  | "refreshTokens"
> & { readonly createdBy: string };

export async function insertClient(tx: Transaction, client: NewClient): Promise<Client> {
  const { rows } = await tx.query<ClientRow>(sql`
    INSERT INTO auth.oauth_clients AS c
      (id, tenant_id, name, session_id, secret_digest, scopes, audiences, refresh_tokens, created_by)
    VALUES (${client.id}, ${client.tenantId}, ${client.name}, ${client.sessionId},
            ${client.secretDigest}, ${[...client.scopes]}, ${[...client.audiences]},
            ${client.refreshTokens}, ${client.createdBy})
    RETURNING ${columns}`);
  return toClient(rows[0]!);
}

/** Clients of a tenant, the oldest first. */
export async function pageClients(
  database: Pick<Database, "query">,
  { tenantId, skip, limit }: Page & { readonly tenantId: string },
): Promise<{ clients: Client[]; total: number }> {
  const { rows } = await database.query<Partial<ClientRow> & { total: number }>(sql`
    SELECT page.*, counted.total
      FROM (SELECT count(*)::int AS total FROM auth.oauth_clients
             WHERE tenant_id = ${tenantId}) AS counted
      LEFT JOIN (SELECT ${columns} FROM auth.oauth_clients c WHERE c.tenant_id = ${tenantId}
        ORDER BY c.created_at, c.id LIMIT ${limit} OFFSET ${skip}) AS page ON true
     ORDER BY page.created_at, page.id`);
  const found = rows.filter((row) => row.id !== null) as ClientRow[];
  return { clients: found.map(toClient), total: rows[0]?.total ?? 0 };
}

/** Holds the row until the transaction ends; undefined for another tenant's. */
export async function holdClient(
  tx: Transaction,
  id: string,
  tenantId: string,
): Promise<Client | undefined> {
  const { rows } = await tx.query<ClientRow>(sql`
    SELECT ${columns} FROM auth.oauth_clients c
     WHERE c.id = ${id} AND c.tenant_id = ${tenantId} FOR UPDATE`);
  return rows[0] && toClient(rows[0]);
}

/** The former secret stays good for a while, so that a program can be given the new one. */
export async function replaceSecret(
  tx: Transaction,
  id: string,
  digest: Buffer,
  overlapSeconds: number,
): Promise<Client> {
  const overlap = sql`now() + make_interval(secs => ${overlapSeconds}::int)`;
  const { rows } = await tx.query<ClientRow>(sql`
    UPDATE auth.oauth_clients AS c
       SET previous_digest = CASE WHEN ${overlapSeconds}::int > 0 THEN c.secret_digest END,
           previous_until = CASE WHEN ${overlapSeconds}::int > 0 THEN ${overlap} END,
           secret_digest = ${digest}, secret_made_at = now(), updated_at = now()
     WHERE c.id = ${id} RETURNING ${columns}`);
  return toClient(rows[0]!);
}

/** Another `session_id` each time: tokens of before never come back to life. */
export async function setClientActive(
  tx: Transaction,
  id: string,
  active: boolean,
  sessionId: string,
): Promise<Client> {
  const { rows } = await tx.query<ClientRow>(sql`
    UPDATE auth.oauth_clients AS c
       SET active = ${active}, session_id = ${sessionId}, updated_at = now()
     WHERE c.id = ${id} RETURNING ${columns}`);
  return toClient(rows[0]!);
}

export async function removeClient(tx: Transaction, id: string): Promise<void> {
  await tx.query(sql`DELETE FROM auth.oauth_clients WHERE id = ${id}`);
}

/** How many clients a tenant has, up to one more than it may have. */
export async function countClients(asker: Asker, tenantId: string): Promise<number> {
  const { rows } = await asker.query<{ n: number }>(sql`
    SELECT count(*)::int AS n FROM (SELECT FROM auth.oauth_clients WHERE tenant_id = ${tenantId}
      LIMIT ${clientLimits.perTenantMaxCount + 1}) AS counted`);
  return rows[0]!.n;
}
