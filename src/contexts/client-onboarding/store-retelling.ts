import { newId } from "../../platform/ids.ts";
import { typeformLimits as limits } from "../../platform/limits.ts";
import { enqueueEach } from "../../platform/outbox.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { SERVER_KEY_ID } from "./accounts.ts";
import { TYPEFORM_KIND } from "./store-webhooks.ts";

export interface RetellingOptions {
  readonly database: Database;
  /** Of the webhook secret of this process. */
  readonly mark: () => Promise<string>;
  readonly isServerKeySet: boolean;
}

const NAME = "typeform";

/** How many living forms TypeForm knows by another secret or key than the present ones. */
export interface UntoldCount {
  readonly total: number;
  readonly untold: number;
}

/**
 * Has TypeForm told of every form again when the webhook secret or the key has changed: each form
 * once for each change, whichever processes look.
 */
export function createRetelling({ database, mark, isServerKeySet }: RetellingOptions) {
  /** Of living forms whose key there is. */
  const forms = (presentMark: string): { readonly living: Sql; readonly present: Sql } => ({
    living: sql`client_onboarding.form_webhooks w
      left join client_onboarding.typeform_keys k on k.tenant_id = w.tenant_id
      where (k.id is not null or ${isServerKeySet}::boolean)
        and exists (select from client_onboarding.onboarding_forms f
                     where f.typeform_id = w.typeform_id and f.status <> 'deleted')`,
    present: sql`${presentMark}::text || '.' || coalesce(k.id::text, ${SERVER_KEY_ID}::text)`,
  });

  async function askAll(tx: Transaction, limit: number, only: Sql): Promise<number> {
    const { living, present } = forms(await mark());
    const { rows } = await tx.query<{ typeform_id: string }>(sql`
      with due as (
        select w.typeform_id, ${present} as present from ${living}
           and w.told_as is distinct from ${present} and w.asked_as is distinct from ${present}
           ${only}
         order by w.typeform_id limit ${limit} for update of w skip locked
      )
      update client_onboarding.form_webhooks w
         set wanted = w.wanted + 1, asked_as = due.present
        from due where w.typeform_id = due.typeform_id
      returning w.typeform_id`);
    const entries = rows.map((row) => ({ id: newId(), payload: { ...row } }));
    await enqueueEach(tx, TYPEFORM_KIND, entries);
    return rows.length;
  }

  return {
    /** By a process that starts: its secret is the present one, until another one starts. */
    async announce(): Promise<void> {
      const present = await mark();
      await database.query(sql`
        insert into client_onboarding.webhook_secret as s (name, mark) values (${NAME}, ${present})
        on conflict (name) do update set mark = excluded.mark, since = now()
         where s.mark <> excluded.mark`);
    },

    /** False in a process whose secret is not the present one any more, or not yet. */
    async isPresent(): Promise<boolean> {
      const { rows } = await database.query<{ mark: string }>(sql`
        select mark from client_onboarding.webhook_secret where name = ${NAME}`);
      return rows[0] === undefined || rows[0].mark === (await mark());
    },

    /** A batch of all forms; returns how many TypeForm will be told of again. */
    async askBatch(): Promise<number> {
      if (!(await this.isPresent())) return 0;
      return database.withTransaction((tx) => askAll(tx, limits.retellBatchCount, sql.empty));
    },

    /** All forms of a tenant whose key has changed. */
    askTenant: (tx: Transaction, tenantId: string): Promise<number> =>
      askAll(tx, limits.retellTenantMaxCount, sql`and w.tenant_id = ${tenantId}`),

    async countUntold(): Promise<UntoldCount> {
      const { living, present } = forms(await mark());
      const { rows } = await database.query<UntoldCount>(sql`
        select count(*)::int as total,
               (count(*) filter (where w.told_as is distinct from ${present}))::int as untold
          from ${living}`);
      return rows[0]!;
    },
  };
}

export type Retelling = ReturnType<typeof createRetelling>;
