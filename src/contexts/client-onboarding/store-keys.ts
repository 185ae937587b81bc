import type { Database, Transaction } from "../../platform/postgres.ts";
import type { ResealedRows, SealedCount, SealedPage, SealedRow } from "../../platform/sealer.ts";
import { sql } from "../../platform/sql.ts";

/** A tenant's own key, as it is kept. */
export interface SealedKey {
  readonly id: string;
  readonly tenantId: string;
  readonly sealed: string;
}

/** What may be told of a tenant's key. */
export interface KeyStanding {
  readonly setBy: string;
  readonly setAt: Date;
}

/** What a sealed key is bound to; whose it is stands inside. */
export const keyContext = (id: string) => `typeform key ${id}`;

/** Keys that tenants have for TypeForm. */
export function createKeyStore(database: Pick<Database, "query" | "read">) {
  return {
    async findSealed(tenantId: string): Promise<SealedKey | undefined> {
      const { rows } = await database.query<SealedKey>(sql`
        select id, tenant_id as "tenantId", sealed_key as sealed
          from client_onboarding.typeform_keys where tenant_id = ${tenantId}`);
      return rows[0];
    },

    async findStanding(tenantId: string): Promise<KeyStanding | undefined> {
      const [row] = await database.read<KeyStanding>(sql`
        select set_by as "setBy", set_at as "setAt"
          from client_onboarding.typeform_keys where tenant_id = ${tenantId}`);
      return row;
    },
  };
}

export type KeyStore = ReturnType<typeof createKeyStore>;

/** The key of a tenant, in place of another or of none. */
export async function replaceKey(
  tx: Transaction,
  { id, tenantId, sealed }: SealedKey,
  { setBy, setAt }: KeyStanding,
): Promise<void> {
  await tx.query(sql`
    insert into client_onboarding.typeform_keys (tenant_id, id, sealed_key, set_by, set_at)
    values (${tenantId}, ${id}, ${sealed}, ${setBy}, ${setAt})
    on conflict (tenant_id) do update
       set id = excluded.id, sealed_key = excluded.sealed_key,
           set_by = excluded.set_by, set_at = excluded.set_at`);
}

/** Returns whether there was one. */
export async function removeKey(tx: Transaction, tenantId: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    delete from client_onboarding.typeform_keys where tenant_id = ${tenantId}`);
  await tx.query(sql`delete from client_onboarding.typeform_pace where name = ${tenantId}`);
  return rowCount > 0;
}

/** A sealed text begins with the name of the key that sealed it. */
const sealedWith = sql`split_part(k.sealed_key, '.', 2)`;

/** How `brigade keys reseal` and the doctor find them. */
export const SEALED_TYPEFORM_KEYS = Object.freeze({
  name: "keys for TypeForm",
  contextOf: keyContext,

  async page(database: Pick<Database, "query">, { keyId, after, limit }: SealedPage) {
    const { rows } = await database.query<SealedRow>(sql`
      select k.id, k.sealed_key as sealed from client_onboarding.typeform_keys k
       where ${sealedWith} <> ${keyId} and k.id > ${after}::uuid order by k.id limit ${limit}`);
    return rows;
  },

  async replace(tx: Transaction, { ids, before, now }: ResealedRows): Promise<number> {
    const { rowCount } = await tx.query(sql`
      update client_onboarding.typeform_keys as k set sealed_key = r.now
        from unnest(${[...ids]}::uuid[], ${[...before]}::text[], ${[...now]}::text[])
             as r (id, before, now)
       where k.id = r.id and k.sealed_key = r.before`);
    return rowCount;
  },

  async count(database: Pick<Database, "query">): Promise<SealedCount[]> {
    const { rows } = await database.query<SealedCount>(sql`
      select ${sealedWith} as "keyId", count(*)::int as count
        from client_onboarding.typeform_keys k group by 1`);
    return rows;
  },
});
