import { httpErrors } from "../../http/errors.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Page } from "../../http/paging.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { pageSql } from "../../platform/sql-page.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { onboardingErrors } from "./errors.ts";
import type { Form, FormStatus, Owner } from "./form.ts";
import { removeResponsesOf } from "./store-responses.ts";
import { revisionOf } from "./store-revisions.ts";
import { leaseWebhook, releaseUndone, wantAnyhow, type Lease } from "./store-webhooks.ts";

export const FORM_SORTS = [
  "-created_at",
  "created_at",
  "-updated_at",
  "updated_at",
  "typeform_id",
  "-typeform_id",
] as const;
export type FormSort = (typeof FORM_SORTS)[number];

const ORDERS: Readonly<Record<FormSort, Sql>> = {
  created_at: sql`f.created_at, f.id`,
  "-created_at": sql`f.created_at desc, f.id desc`,
  updated_at: sql`f.updated_at, f.id`,
  "-updated_at": sql`f.updated_at desc, f.id desc`,
  typeform_id: sql`f.typeform_id, f.id`,
  "-typeform_id": sql`f.typeform_id desc, f.id desc`,
};

export type CountedForm = Form & { readonly response_count: number };

/** A row that was changed, what it was before, and the right to tell TypeForm of it. */
export interface ChangedForm {
  readonly form: Form;
  /** Undefined: it is new. */
  readonly before: Form | undefined;
  readonly lease: Lease;
}

export interface Registration {
  readonly owner: Owner;
  readonly typeformId: string;
  readonly webhookUrl: string;
  readonly status: FormStatus;
  readonly now: Date;
}

export interface FormChange {
  readonly id: number;
  readonly owner: Owner;
  readonly expectedVersion: number | undefined;
  readonly set: { readonly webhookUrl?: string; readonly status?: FormStatus };
  readonly now: Date;
}

const SELECTION = sql`f.id, f.tenant_id, f.user_id, f.typeform_id, f.webhook_url, f.status,
  f.version, f.created_at, f.updated_at`;

/** Forms and their owners. Each change is written together with the promise to tell TypeForm. */
export function createFormStore(database: Database) {
  return {
    /** A page, and the revision of the owner's rows in the same snapshot. */
    async list(owner: Owner, sort: FormSort, { skip, limit }: Page) {
      const matching = sql`client_onboarding.onboarding_forms f
        where f.user_id = ${owner.userId} and f.tenant_id = ${owner.tenantId}
          and f.status <> 'deleted'`;
      // Answers are counted of what is on the page, and not of what comes before it.
      const { rows } = await database.query<CountedForm & { total: number; revision: number }>(sql`
        select ${revisionOf(owner)} as revision, counted.total, page.*,
               (select count(*) from client_onboarding.form_responses r
                 where r.form_id = page.id and r.erased_at is null) as response_count
          from (select count(*) as total from ${matching}) counted
          left join lateral (
            select ${SELECTION} from ${matching} order by ${ORDERS[sort]} ${pageSql(skip, limit)}
          ) page on true`);
      const { revision, total } = rows[0]!;
      return { rows: rows.filter((row) => row.id !== null), total, revision };
    },

    /**
     * A new form of the owner, or another address for one that he has.
     * @throws AppError `form_taken`, `form_busy`
     */
    register: (registration: Registration): Promise<ChangedForm> =>
      database.withTransaction((tx) => register(tx, registration)),

    /** @throws AppError `not_found`, `permission_denied`, `version_conflict`, `form_busy` */
    change: (change: FormChange): Promise<ChangedForm> =>
      database.withTransaction((tx) => changeOwned(tx, change)),

    /**
     * Takes a change back that TypeForm did not take.
     * @param isUntouched whether TypeForm surely still has what it had
     */
    async undo({ form, before, lease }: ChangedForm, isUntouched: boolean, now: Date) {
      await database.withTransaction(async (tx) => {
        await releaseUndone(tx, lease, isUntouched);
        const ours = sql`id = ${form.id} and version = ${form.version}`;
        await tx.query(
          before === undefined
            ? sql`delete from client_onboarding.onboarding_forms where ${ours}`
            : sql`update client_onboarding.onboarding_forms
                     set webhook_url = ${before.webhook_url}, status = ${before.status},
                         version = version + 1, updated_at = ${now}
                   where ${ours}`,
        );
      });
    },

    /** TypeForm has no such form any more: it cannot have a webhook either. */
    async markGone(typeformId: string): Promise<void> {
      await database.query(sql`
        update client_onboarding.onboarding_forms
           set status = 'deleted', version = version + 1, updated_at = now()
         where typeform_id = ${typeformId} and status <> 'deleted'`);
    },

    async findLiving(typeformId: string): Promise<Form | undefined> {
      const { rows } = await database.query<Form>(living(typeformId));
      return rows[0];
    },
  };
}

export type FormStore = ReturnType<typeof createFormStore>;

async function register(
  tx: Transaction,
  { owner, typeformId, webhookUrl, status, now }: Registration,
): Promise<ChangedForm> {
  const lease = await leaseWebhook(tx, typeformId, owner.tenantId);
  const before = await findLiving(tx, typeformId);
  if (before !== undefined) {
    if (!isOf(before, owner)) throw onboardingErrors.failure("form_taken");
    return { form: await write(tx, before, { webhookUrl }, now), before, lease };
  }
  const { rows } = await tx.query<Form>(sql`
    insert into client_onboarding.onboarding_forms as f
      (tenant_id, user_id, typeform_id, webhook_url, status, created_at, updated_at)
    values (${owner.tenantId}, ${owner.userId}, ${typeformId}, ${webhookUrl}, ${status},
            ${now}, ${now})
    returning ${SELECTION}`);
  return { form: rows[0]!, before, lease };
}

async function changeOwned(
  tx: Transaction,
  { id, owner, expectedVersion, set, now }: FormChange,
): Promise<ChangedForm> {
  // The lease comes first, as in a registration: two changes wait for each other in one order.
  const { typeform_id: typeformId } = await findOwned(tx, id, owner, sql.empty);
  const lease = await leaseWebhook(tx, typeformId, owner.tenantId);
  const before = await findOwned(tx, id, owner, sql`for update`);
  if (expectedVersion !== undefined && expectedVersion !== before.version) {
    throw platformErrors.failure("version_conflict");
  }
  return { form: await write(tx, before, set, now), before, lease };
}

const isOf = (form: Form, owner: Owner) =>
  form.user_id === owner.userId && form.tenant_id === owner.tenantId;

const living = (typeformId: string): Sql => sql`
  select ${SELECTION} from client_onboarding.onboarding_forms f
   where f.typeform_id = ${typeformId} and f.status <> 'deleted'`;

async function findLiving(tx: Transaction, typeformId: string): Promise<Form | undefined> {
  return (await tx.query<Form>(sql`${living(typeformId)} for update`)).rows[0];
}

/** A form of another tenant is not there; one of another user is, and is not to be touched. */
async function findOwned(tx: Transaction, id: number, owner: Owner, lock: Sql): Promise<Form> {
  const { rows } = await tx.query<Form>(sql`
    select ${SELECTION} from client_onboarding.onboarding_forms f
     where f.id = ${id} and f.tenant_id = ${owner.tenantId} and f.status <> 'deleted' ${lock}`);
  const form = rows[0];
  if (form === undefined) {
    const detail = `Form with ID ${id} does not exist`;
    throw platformErrors.failure("not_found", { detail });
  }
  if (form.user_id !== owner.userId) {
    const detail = `User ${owner.userId} does not have permission to modify form ${id}`;
    throw httpErrors.failure("permission_denied", { detail });
  }
  return form;
}

async function write(
  tx: Transaction,
  before: Form,
  { webhookUrl = before.webhook_url, status = before.status }: FormChange["set"],
  now: Date,
): Promise<Form> {
  const { rows } = await tx.query<Form>(sql`
    update client_onboarding.onboarding_forms as f
       set webhook_url = ${webhookUrl}, status = ${status}, version = f.version + 1,
           updated_at = ${now}
     where f.id = ${before.id} returning ${SELECTION}`);
  return rows[0]!;
}

/** Removes somebody's forms with all answers; TypeForm is told of it afterwards. */
export async function eraseFormsOf(tx: Transaction, owner: Owner): Promise<void> {
  await removeResponsesOf(tx, owner);
  const { rows } = await tx.query<{ typeform_id: string; status: FormStatus }>(sql`
    delete from client_onboarding.onboarding_forms
     where user_id = ${owner.userId} and tenant_id = ${owner.tenantId}
    returning typeform_id, status`);
  for (const { typeform_id: typeformId, status } of rows) {
    if (status !== "deleted") await wantAnyhow(tx, typeformId, owner.tenantId);
  }
}
