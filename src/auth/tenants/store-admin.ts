import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { StoredPolicy } from "./policy.ts";

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  /** What it decided for itself. */
  readonly policy: StoredPolicy;
  readonly version: number;
  readonly createdAt: Date;
}

interface TenantRow {
  id: string;
  name: string;
  active: boolean;
  policy: StoredPolicy;
  version: number;
  created_at: Date;
}

type Asker = Pick<Database, "query"> | Transaction;

const columns = sql`id, name, active, policy, version, created_at`;

const toTenant = ({ created_at: createdAt, ...row }: TenantRow): Tenant =>
  Object.freeze({ ...row, createdAt });

export async function findTenant(asker: Asker, id: string): Promise<Tenant | undefined> {
  const { rows } = await asker.query<TenantRow>(
    sql`SELECT ${columns} FROM auth.tenants WHERE id = ${id}`,
  );
  return rows[0] && toTenant(rows[0]);
}

export async function listTenants(
  asker: Asker,
  page: { readonly skip: number; readonly limit: number },
): Promise<{ tenants: Tenant[]; total: number }> {
  const { rows } = await asker.query<TenantRow>(sql`
    SELECT ${columns} FROM auth.tenants ORDER BY created_at, id
     LIMIT ${page.limit} OFFSET ${page.skip}`);
  const counted = await asker.query<{ total: number }>(
    sql`SELECT count(*)::int AS total FROM auth.tenants`,
  );
  return { tenants: rows.map(toTenant), total: counted.rows[0]!.total };
}

/** Throws the unique violation of `tenants_name`. */
export async function insertTenant(
  tx: Transaction,
  tenant: { readonly id: string; readonly name: string },
): Promise<Tenant> {
  const { rows } = await tx.query<TenantRow>(sql`
    INSERT INTO auth.tenants (id, name) VALUES (${tenant.id}, ${tenant.name}) RETURNING ${columns}`);
  return toTenant(rows[0]!);
}

/** What a tenant decided so far, held until the transaction is over. Undefined: no such tenant. */
export async function holdPolicy(tx: Transaction, id: string): Promise<StoredPolicy | undefined> {
  const { rows } = await tx.query<{ policy: StoredPolicy }>(
    sql`SELECT policy FROM auth.tenants WHERE id = ${id} FOR UPDATE`,
  );
  return rows[0]?.policy;
}

export interface TenantChange {
  readonly policy?: StoredPolicy | undefined;
  readonly active?: boolean | undefined;
  /** The version the caller has seen; undefined takes whatever is there. */
  readonly version?: number | undefined;
}

/** Undefined when there is no such tenant of that version. */
export async function updateTenant(
  tx: Transaction,
  id: string,
  { policy, active, version }: TenantChange,
): Promise<Tenant | undefined> {
  const text = policy === undefined ? null : JSON.stringify(policy);
  const { rows } = await tx.query<TenantRow>(sql`
    UPDATE auth.tenants
       SET policy = coalesce(${text}::jsonb, policy), active = coalesce(${active ?? null}, active),
           version = version + 1, updated_at = now()
     WHERE id = ${id} AND version = coalesce(${version ?? null}::int, version)
    RETURNING ${columns}`);
  return rows[0] && toTenant(rows[0]);
}
