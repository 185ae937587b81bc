import { newId } from "../../platform/ids.ts";
import { typeformLimits as limits } from "../../platform/limits.ts";
import { enqueue } from "../../platform/outbox.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { onboardingErrors } from "./errors.ts";

/** Outbox entries that make TypeForm's webhook what the row says. */
export const TYPEFORM_KIND = "typeform_webhook";

/** The right to tell TypeForm of one form: nobody else does meanwhile. */
export interface Lease {
  readonly id: string;
  readonly typeformId: string;
  /** Number of the change that is to be told. */
  readonly wanted: number;
  /** TypeForm knows of every change before that one. */
  readonly wasApplied: boolean;
  /** Whose key TypeForm is told with; null: the server's. */
  readonly tenantId: string | null;
  /** Secret and key of the last time; null: it was never told, or before that was written down. */
  readonly toldAs: string | null;
}

const until = sql`clock_timestamp() + make_interval(secs => ${limits.leaseSeconds})`;

/**
 * Writes down that TypeForm must be told of a change, and takes the right to do it. Should the
 * holder die, the outbox does it when the lease is out.
 * @throws AppError `form_busy`
 */
export async function leaseWebhook(
  tx: Transaction,
  typeformId: string,
  tenantId: string,
): Promise<Lease> {
  const id = newId();
  const { rows } = await tx.query<Claimed & { applied: number }>(sql`
    insert into client_onboarding.form_webhooks as w
      (typeform_id, tenant_id, wanted, lease_id, leased_until)
    values (${typeformId}, ${tenantId}, 1, ${id}, ${until})
    on conflict (typeform_id) do update
       set wanted = w.wanted + 1, tenant_id = excluded.tenant_id,
           lease_id = excluded.lease_id, leased_until = excluded.leased_until
     where w.leased_until <= clock_timestamp()
    returning wanted, applied, tenant_id as "tenantId", told_as as "toldAs"`);
  const [row] = rows;
  if (row === undefined) {
    throw onboardingErrors.failure("form_busy", { headers: { "retry-after": "1" } });
  }
  await remember(tx, typeformId);
  const { applied, ...claimed } = row;
  return { id, typeformId, ...claimed, wasApplied: applied === row.wanted - 1 };
}

type Claimed = Pick<Lease, "wanted" | "tenantId" | "toldAs">;

/** The same without the right: for changes that wait for nobody. */
export async function wantAnyhow(
  tx: Transaction,
  typeformId: string,
  tenantId: string | null,
): Promise<void> {
  await tx.query(sql`
    insert into client_onboarding.form_webhooks as w (typeform_id, tenant_id, wanted)
    values (${typeformId}, ${tenantId}, 1)
    on conflict (typeform_id) do update set wanted = w.wanted + 1`);
  await remember(tx, typeformId);
}

const remember = (tx: Transaction, typeformId: string) =>
  enqueue(tx, { kind: TYPEFORM_KIND, payload: { typeform_id: typeformId } });

/** Gives the right back of a change that is taken back in the same transaction. */
export async function releaseUndone(
  tx: Transaction,
  lease: Lease,
  isUntouched: boolean,
): Promise<void> {
  const isKnown = isUntouched && lease.wasApplied;
  const { rowCount } = await tx.query(sql`
    update client_onboarding.form_webhooks
       set wanted = wanted + 1, lease_id = null, leased_until = '-infinity',
           applied = case when ${isKnown}::boolean and wanted = ${lease.wanted}
                          then wanted + 1 else applied end
     where typeform_id = ${lease.typeformId} and lease_id = ${lease.id}`);
  // The lease ran out, and somebody else may have told TypeForm what is taken back here.
  if (rowCount === 0) await wantAnyhow(tx, lease.typeformId, lease.tenantId);
}

/** What was found of a form's webhook by who wants to tell TypeForm of it. */
export type Claim = Lease | "busy" | "nothing";

/** How far TypeForm was told, over all processes. */
export function createWebhookStore(database: Database) {
  return {
    /** Takes the right to tell, when there is something to tell. */
    async claim(typeformId: string): Promise<Claim> {
      const id = newId();
      const { rows } = await database.query<Claimed>(sql`
        update client_onboarding.form_webhooks set lease_id = ${id}, leased_until = ${until}
         where typeform_id = ${typeformId} and wanted <> applied
           and leased_until <= clock_timestamp()
        returning wanted, tenant_id as "tenantId", told_as as "toldAs"`);
      const [mine] = rows;
      if (mine !== undefined) return { id, typeformId, ...mine, wasApplied: false };
      const { rows: others } = await database.query(sql`
        select from client_onboarding.form_webhooks
         where typeform_id = ${typeformId} and wanted <> applied`);
      return others.length === 0 ? "nothing" : "busy";
    },

    /** TypeForm knows; what was changed since the lease was taken is still to be told. */
    async settle({ id, typeformId, wanted }: Lease, toldAs: string): Promise<void> {
      await database.query(sql`
        update client_onboarding.form_webhooks
           set applied = ${wanted}, lease_id = null, leased_until = '-infinity',
               told_as = ${toldAs},
               asked_as = case when wanted = ${wanted} then ${toldAs}::text else asked_as end
         where typeform_id = ${typeformId} and lease_id = ${id}`);
    },

    async release({ id, typeformId }: Lease): Promise<void> {
      await database.query(sql`
        update client_onboarding.form_webhooks
           set lease_id = null, leased_until = '-infinity'
         where typeform_id = ${typeformId} and lease_id = ${id}`);
    },
  };
}

export type WebhookStore = ReturnType<typeof createWebhookStore>;
