import { jobLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { pageSql } from "../../platform/sql-page.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { Delivery } from "./delivery.ts";
import type { Owner } from "./form.ts";
import { revisionOf } from "./store-revisions.ts";

/** An answered form as it is stored. */
export interface ResponseRow {
  readonly id: number;
  readonly form_id: number;
  readonly response_id: string;
  readonly submission_id: string | null;
  readonly response_data: unknown;
  readonly client_identifiers: Readonly<Record<string, string>> | null;
  readonly submitted_at: Date;
  readonly processed_at: Date;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface Part {
  readonly offset: number;
  readonly limit: number;
}

const SELECTION = sql`r.id, r.form_id, r.response_id, r.submission_id, r.client_identifiers,
  r.submitted_at, r.processed_at, r.created_at, r.updated_at`;
const WITH_DATA = sql`${SELECTION}, r.response_data`;

/** A form of the owner, or all of his that are not deleted. */
const formsOf = (owner: Owner, formId: number | undefined): Sql => sql`
  client_onboarding.onboarding_forms f
   where f.user_id = ${owner.userId} and f.tenant_id = ${owner.tenantId}
     and ${formId === undefined ? sql`f.status <> 'deleted'` : sql`f.id = ${formId}`}`;

/** Answers to forms. Whoever asks sees those to his own forms alone. */
export function createResponseStore(database: Database) {
  /** Deliveries that are being stored, by form and token. */
  const underWay = new Map<string, Promise<boolean>>();

  return {
    /**
     * One row for one token, however many copies come at once: the statement is the whole effect.
     * Copies that come meanwhile wait for it, and not for connections to wait for it with.
     * @returns whether there is such a form
     */
    add(delivery: Delivery, now: Date): Promise<boolean> {
      const key = JSON.stringify([delivery.typeformId, delivery.responseId]);
      let storing = underWay.get(key);
      if (storing === undefined) {
        storing = insertOnce(database, delivery, now).finally(() => underWay.delete(key));
        underWay.set(key, storing);
      }
      return storing;
    },

    list: (owner: Owner, formId: number | undefined, part: Part, isWithData: boolean) =>
      readPart(database, { owner, formId, part, isWithData }),

    /** By TypeForm's token. */
    async find(responseId: string, owner: Owner): Promise<ResponseRow | undefined> {
      const [row] = await database.read<ResponseRow>(sql`
        select ${WITH_DATA} from client_onboarding.form_responses r
          join client_onboarding.onboarding_forms f on f.id = r.form_id
         where r.response_id = ${responseId} and r.erased_at is null
           and f.user_id = ${owner.userId} and f.tenant_id = ${owner.tenantId}`);
      return row;
    },

    /**
     * What was answered goes, the token stays: a copy that comes later, or right now, finds its row.
     * @returns whether there was such an answer to a form of the owner
     */
    async erase(responseId: string, owner: Owner, now: Date): Promise<boolean> {
      const { rowCount } = await database.query(sql`
        update client_onboarding.form_responses r
           set response_data = '{}', client_identifiers = null, submission_id = null,
               erased_at = ${now}, updated_at = ${now}
          from client_onboarding.onboarding_forms f
         where f.id = r.form_id and r.response_id = ${responseId} and r.erased_at is null
           and f.user_id = ${owner.userId} and f.tenant_id = ${owner.tenantId}`);
      return rowCount > 0;
    },
  };
}

export type ResponseStore = ReturnType<typeof createResponseStore>;

interface AskedPart {
  readonly owner: Owner;
  /** Undefined: all that are not deleted. */
  readonly formId: number | undefined;
  readonly part: Part;
  readonly isWithData: boolean;
}

/**
 * With the revision of the owner's rows in the same snapshot. `isOwn` is false when the form is not
 * his.
 */
async function readPart(database: Database, { owner, formId, part, isWithData }: AskedPart) {
  const forms = formsOf(owner, formId);
  // The owner is said twice: an index then gives his answers in their order.
  const living = sql`client_onboarding.form_responses r
    where r.user_id = ${owner.userId} and r.erased_at is null`;
  // Counted form by form: each is a stretch of an index, and nothing is joined. What comes before
  // the page is passed over in an index too; rows are read of what is on it.
  type Row = ResponseRow & { forms: number; total: number; revision: number };
  const { rows } = await database.query<Row>(sql`
    select ${revisionOf(owner)} as revision, counted.forms, counted.total, page.*
      from (select count(*) as forms, coalesce(sum(answers.count), 0)::int8 as total
              from (select f.id from ${forms}) owned
             cross join lateral (
               select count(*) from ${living} and r.form_id = owned.id) answers) counted
      left join lateral (
        select ${isWithData ? WITH_DATA : SELECTION}
          from unnest(array(
                 select r.id from ${living} and r.form_id in (select f.id from ${forms})
                  order by r.submitted_at desc, r.id desc ${pageSql(part.offset, part.limit)}
               )) with ordinality as shown (id, place)
          join client_onboarding.form_responses r on r.id = shown.id
         order by shown.place
      ) page on true`);
  const { forms: count, total, revision } = rows[0]!;
  const isOwn = formId === undefined || count > 0;
  return { isOwn, rows: rows.filter((row) => row.id !== null), total, revision };
}

async function insertOnce(database: Database, delivery: Delivery, now: Date): Promise<boolean> {
  const { rows } = await database.query<{ forms: number }>(sql`
    with form as (
      select id, tenant_id, user_id from client_onboarding.onboarding_forms
       where typeform_id = ${delivery.typeformId} and status <> 'deleted'
    ), made as (
      insert into client_onboarding.form_responses (tenant_id, user_id, form_id, response_id,
        response_data, client_identifiers, submitted_at, processed_at)
      select form.tenant_id, form.user_id, form.id, ${delivery.responseId},
             ${JSON.stringify(delivery.responseData)}::jsonb,
             ${toJson(delivery.clientIdentifiers)}::jsonb, ${delivery.submittedAt}, ${now}
        from form
      on conflict (response_id) do nothing
    )
    select count(*) as forms from form`);
  return rows[0]!.forms > 0;
}

const toJson = (value: object | null) => (value === null ? null : JSON.stringify(value));

/** Removes a batch of answers that were kept long enough; returns how many went. */
export async function removeOldResponses(
  database: Pick<Database, "query">,
  { onboardingRetentionDays }: { readonly onboardingRetentionDays: number },
): Promise<number> {
  const { rowCount } = await database.query(sql`
    delete from client_onboarding.form_responses where id = any(array(
      select id from client_onboarding.form_responses
       where created_at < now() - make_interval(days => ${onboardingRetentionDays})
       order by created_at limit ${jobLimits.batchRows} for update skip locked))`);
  return rowCount;
}

/** Everything that was answered to somebody's forms. */
export async function removeResponsesOf(tx: Transaction, owner: Owner): Promise<void> {
  await tx.query(ofOwner(owner));
}

const ofOwner = ({ userId, tenantId }: Owner): Sql => sql`
  delete from client_onboarding.form_responses
   where user_id = ${userId} and tenant_id = ${tenantId}`;
